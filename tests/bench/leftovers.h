// SPDX-License-Identifier: Apache-2.0
#pragma once
// Nothing stays mounted in a directory, no loop device over a file there and no storage daemon that shows one, also where a
// measurement ended with an error.
// Lives longer than the daemon that mounts there.
#include <string>

namespace blockplug::bench {

class Leftovers {
 public:
  explicit Leftovers(std::string directory) : directory_(std::move(directory)) {}
  ~Leftovers();
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;

 private:
  std::string directory_;
};

}  // namespace blockplug::bench
