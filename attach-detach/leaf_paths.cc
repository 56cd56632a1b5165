// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/leaf_paths.h"

namespace blockplug {

void LeafPaths::add(const TargetId& target, const std::string& path, const VolumeId& volume) {
  by_target_[target][path].insert(volume);
  by_volume_[volume].emplace(target, path);
}

void LeafPaths::remove(const VolumeId& volume) {
  const auto found = by_volume_.find(volume);
  if (found == by_volume_.end()) return;
  for (const auto& [target, path] : found->second) {
    auto& paths = by_target_.at(target);
    auto& volumes = paths.at(path);
    volumes.erase(volume);
    if (volumes.empty()) paths.erase(path);
    if (paths.empty()) by_target_.erase(target);
  }
  by_volume_.erase(found);
}

std::set<VolumeId> LeafPaths::above(const TargetId& target, const std::string& path) const {
  std::set<VolumeId> volumes;
  const auto paths = by_target_.find(target);
  if (paths == by_target_.end()) return volumes;
  for (auto end = path.rfind('/'); end != std::string::npos && end > 0; end = path.rfind('/', end - 1))
    if (const auto found = paths->second.find(path.substr(0, end)); found != paths->second.end())
      volumes.insert(found->second.begin(), found->second.end());
  return volumes;
}

std::set<VolumeId> LeafPaths::inside(const VolumeId& volume) const {
  std::set<VolumeId> volumes;
  const auto own = by_volume_.find(volume);
  if (own == by_volume_.end()) return volumes;
  for (const auto& [target, path] : own->second) {
    const auto& paths = by_target_.at(target);
    for (auto each = paths.lower_bound(path + "/"); each != paths.end() && is_inside(each->first, path); ++each)
      volumes.insert(each->second.begin(), each->second.end());
  }
  return volumes;
}

}  // namespace blockplug
