// SPDX-License-Identifier: Apache-2.0
#pragma once
// A Ceph started by tests/lab/ceph: the daemon's configuration for it, and this program's access to it. A value.
#include <string>

#include "ceph/cluster.h"
#include "ceph/place.h"

namespace blockplug::bench {

struct CephLab {
  std::string directory;  // as given to tests/lab/ceph
  std::string conf() const { return directory + "/blockplug.conf"; }
  rbd::ClusterOptions options() const { return {.conf = conf(), .user = "blockplug"}; }
  rbd::Place place() const { return {.backend = "ceph", .pool = "volumes"}; }
  // A line of the daemon's configuration.
  std::string backend(const std::string& mapper) const {
    return "ceph: {type: rbd, conf: " + conf() + ", user: blockplug, pool: volumes, mapper: " + mapper + "}";
  }
};

inline VolumeId volume_in_ceph(const std::string& name) { return VolumeId("ceph/" + name); }

}  // namespace blockplug::bench
