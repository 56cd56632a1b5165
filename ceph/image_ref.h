// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which image a call is about. Facts below say it where a rung below found it out (Hold; or, for volumes of another service, the
// rung that was told a pool and a name at this attach). Otherwise the backend's configuration says the pool and namespace, and the
// volume is named like its image. Pure functions.
#include <string>

#include "attach-detach/roles.h"
#include "attach-detach/rung.h"
#include "ceph/place.h"

namespace blockplug::rbd {

struct ImageRef {
  std::string pool, name_space, name;
  std::string id{};  // Ceph's own; empty: not known yet
  bool operator==(const ImageRef&) const = default;
};

// Of a volume, by the configuration alone.
inline ImageRef image_ref(const VolumeId& volume, const Place& place) { return {place.pool, place.name_space, name_of(volume)}; }

// As facts say. A name without a pool is in the backend's own.
inline ImageRef image_ref_in(const Facts& facts, const VolumeId& volume, const Place& place) {
  auto image = image_ref(volume, place);
  if (const auto name = fact(facts, roles::kImageName); !name.empty()) image.name = name;
  if (const auto pool = fact(facts, roles::kImagePool); !pool.empty()) {
    image.pool = pool;
    image.name_space = fact(facts, roles::kImageNamespace);
  }
  image.id = fact(facts, roles::kImageRbdId);
  return image;
}

// For every rung above Hold, and for a raise of Hold itself.
inline ImageRef image_ref(const Call& call, const Place& place) { return image_ref_in(call.below, call.key.volume, place); }

// For Hold: the image that it holds, or else the one that it is to hold.
inline ImageRef held_image_ref(const Call& call, const Place& place) {
  return call.before.contains(roles::kImageRbdId) ? image_ref_in(call.before, call.key.volume, place) : image_ref(call, place);
}

// What Place has of the same.
inline ImageId image_id(const std::string& fsid, const ImageRef& image, const std::string& id) {
  return image_id(fsid, Place{.backend = {}, .pool = image.pool, .name_space = image.name_space}, id);
}
inline std::string image_name(const ImageRef& image) {
  return image_name(Place{.backend = {}, .pool = image.pool, .name_space = image.name_space}, image.name);
}

}  // namespace blockplug::rbd
