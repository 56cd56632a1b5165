// SPDX-License-Identifier: Apache-2.0
#pragma once
// A Ceph user's key. It cannot be printed, compared or converted by accident: whoever needs it says so.
#include <string>
#include <utility>

#include "attach-detach/outcome.h"

namespace blockplug::rbd {

class Key {
 public:
  explicit Key(std::string base64) : base64_(std::move(base64)) {}
  // Only for what hands it to QEMU or to the kernel; never for a log, an error, a command line or the store.
  const std::string& reveal() const { return base64_; }

 private:
  std::string base64_;
};

// The key of client.<user> in the first of these files that can be read and has one. NotFound: none; the files are named.
Result<Key> key_from_keyrings(const std::string& comma_separated_paths, const std::string& user);

}  // namespace blockplug::rbd
