// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where a backend's images are, and the unique id of an image.
#include <string>

#include "attach-detach/ids.h"

namespace blockplug::rbd {

struct Place {
  std::string backend;  // the backend's name in the configuration: volumes are "<backend>/<image name>"
  std::string pool;
  std::string name_space{};  // empty: the pool's own
  std::string data_pool{};   // for new images; empty: the same pool
};

// "rbd:<fsid>/<pool>/<namespace>/<image id>": the same for every name and backend that the image is reached by.
inline ImageId image_id(const std::string& fsid, const Place& place, const std::string& id) {
  return ImageId{"rbd:" + fsid + "/" + place.pool + "/" + place.name_space + "/" + id};
}
// "volumes/a" or "volumes/space/a", for people.
inline std::string image_name(const Place& place, const std::string& name) {
  return place.pool + "/" + (place.name_space.empty() ? "" : place.name_space + "/") + name;
}

}  // namespace blockplug::rbd
