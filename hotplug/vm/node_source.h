// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a volume's block node reads from: the protocol node below the throttle filter. One implementation per kind of storage, made
// by the composition root, used by Open on worker threads. The recipe's objects may hold secrets: never logged, never in an error.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/rung.h"

namespace blockplug {

struct NodeRecipe {
  std::string file_json;                  // the "file" child of blockdev-add, an object without "node-name" and "read-only"
  std::vector<std::string> objects_json;  // arguments of object-add before it; the objects are taken away after it
  std::int64_t size_bytes{};              // what is really there, looked up just now
};

class NodeSource {
 public:
  virtual ~NodeSource() = default;
  // Looks at the storage from our own process first, so that QEMU's main loop is not the one that waits for something broken.
  virtual Result<NodeRecipe> recipe(const Call& call) = 0;
  // Does the storage answer? Asked before what else waits for it in QEMU's main loop: closing, looking. Unavailable: not now. It is
  // quick to say so; what is gone, or refused to us, makes nobody wait.
  virtual Status answers(const VolumeId& volume) = 0;
  // Is a node that QEMU describes so (a "file" child as JSON, or a file name) of this volume? nullopt: cannot be told.
  virtual std::optional<bool> is_of_volume(const Call& call, const std::string& shown) = 0;
};

}  // namespace blockplug
