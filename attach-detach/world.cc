// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "attach-detach/executor.h"

namespace blockplug {

Volume* World::find(const VolumeId& id) {
  const auto found = volumes.find(id);
  return found == volumes.end() ? nullptr : &found->second;
}

const Volume* World::find(const VolumeId& id) const {
  const auto found = volumes.find(id);
  return found == volumes.end() ? nullptr : &found->second;
}

std::vector<const Volume*> World::with_image(const ImageId& image) const {
  std::vector<const Volume*> volumes_of_it;
  if (const auto found = by_image.find(image); found != by_image.end())
    for (const auto& id : found->second)
      if (const auto* volume = find(id)) volumes_of_it.push_back(volume);
  return volumes_of_it;
}

std::vector<const Volume*> World::sharing_image(const Volume& volume) const {
  auto others = with_image(volume.image);
  std::erase(others, &volume);
  return others;
}

// Mounted first, the inner one would be in the way of the outer one, which needs an empty directory.
LeafWaits World::leaf_waits(const Volume& volume) const {
  LeafWaits waits;
  for (const auto& [target, attachment] : volume.attachments)
    for (const auto& [id, leaf] : attachment.desired.leaves)
      for (const auto& other : paths.above(target, id.leaf)) {
        const auto* holder = find(other);
        if (holder == nullptr || !holder->attachments.contains(target)) continue;
        const auto& there = holder->attachments.at(target);
        for (const auto& [above, above_leaf] : there.desired.leaves)
          if (there.desired.attached && is_inside(id.leaf, above.leaf) && !is_up(there.rung(above)))
            waits[{target, id}] = "it is inside " + above.leaf + ", where " + other.str() + " is to be mounted first";
      }
  return waits;
}

void World::set_image(Volume& volume, const ImageId& image) {
  if (volume.image == image) return;
  if (const auto found = by_image.find(volume.image); found != by_image.end()) {
    std::erase(found->second, volume.id);
    if (found->second.empty()) by_image.erase(found);
  }
  volume.image = image;
  if (!image.empty()) by_image[image].push_back(volume.id);
}

}  // namespace blockplug
