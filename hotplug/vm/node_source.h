// SPDX-License-Identifier: Apache-2.0
#pragma once
// The storage of a volume's block node: the protocol node below the throttle filter. One implementation per kind of storage, made
// by the composition root, used by Open on worker threads. The recipe's objects may contain secrets: never log them or put them
// into an error.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "hotplug/host/file_descriptor.h"

namespace blockplug {

struct NodeRecipe {
  std::string file_json;                  // the "file" child of blockdev-add, an object without "node-name" and "read-only"
  std::vector<std::string> objects_json;  // arguments of object-add before it; the objects are removed after it
  std::int64_t size_bytes{};              // the image's size, read just now
  FileDescriptor file{};                  // open: QEMU gets it before, as the descriptor set that file_json names
  int descriptor_set{};                   // its number; see descriptor_set.h
  std::string driver_package{};           // what is to be installed where QEMU lacks the driver
  bool passes_trim{true};                 // see passes_trim in throttled_node.h: by the limits that apply when it is opened
};

class NodeSource {
 public:
  virtual ~NodeSource() = default;
  // First checks the storage from this process, so that QEMU's main loop does not block on a fault.
  virtual Result<NodeRecipe> recipe(const Call& call) = 0;
  // Does the storage answer? Checked before other operations that would block QEMU's main loop: closing and querying. Unavailable:
  // not now. Answers quickly; a missing image or a refusal counts as an answer.
  virtual Status answers(const Call& call) = 0;
  // The same where there is no call: the volume's image as the last call named it.
  virtual Status answers(const VolumeId& volume) = 0;
  // Do its recipes have `file`? Else they may have a secret.
  virtual bool passes_descriptors() const { return false; }
  // Does a node with this description by QEMU (a "file" child as JSON, or a file name) belong to this volume? nullopt: unknown.
  virtual std::optional<bool> is_of_volume(const Call& call, const std::string& shown) = 0;
};

}  // namespace blockplug
