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
