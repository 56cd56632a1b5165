// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which volumes have a leaf at which path of a target: a path inside another one is raised after that. It may name more than there
// are: whoever asks looks at the volume itself. A value of the core thread.
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "attach-detach/ids.h"

namespace blockplug {

class LeafPaths {
 public:
  void add(const TargetId& target, const std::string& path, const VolumeId& volume);
  void remove(const VolumeId& volume);
  std::set<VolumeId> above(const TargetId& target, const std::string& path) const;  // with a path that this one is inside of
  std::set<VolumeId> inside(const VolumeId& volume) const;                          // with a path inside one of the volume's

 private:
  std::map<TargetId, std::map<std::string, std::set<VolumeId>>> by_target_;
  std::map<VolumeId, std::set<std::pair<TargetId, std::string>>> by_volume_;
};

inline bool is_inside(const std::string& path, const std::string& directory) { return path.starts_with(directory + "/"); }

}  // namespace blockplug
