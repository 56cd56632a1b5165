// SPDX-License-Identifier: Apache-2.0
#pragma once
// Removes mounts, loop devices and storage daemons in a directory, also after a failed measurement. Outlives the daemon that mounts
// there.
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
