// SPDX-License-Identifier: Apache-2.0
#pragma once
// A Ceph user's key. It cannot be printed, compared or converted by accident; access is explicit.
#include <string>
#include <utility>

#include "attach-detach/outcome.h"

namespace blockplug::rbd {

class Key {
 public:
  explicit Key(std::string base64) : base64_(std::move(base64)) {}
  // Only to pass it to QEMU or to the kernel; never for a log, an error, a command line or the store.
  const std::string& reveal() const { return base64_; }

 private:
  std::string base64_;
};

// The key of client.<user> from the first readable file that has one. NotFound: none; the message lists the files.
Result<Key> key_from_keyrings(const std::string& comma_separated_paths, const std::string& user);

}  // namespace blockplug::rbd
