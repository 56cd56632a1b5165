// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rungs of volumes whose data are RBD images, for each kind of backend that has such. For this folder's .cc files only.
#include <chrono>
#include <memory>
#include <string>

#include "ceph/cluster.h"
#include "ceph/hold_watch.h"
#include "ceph/place.h"
#include "volume-plugin/daemon/backend_parts.h"

namespace blockplug {

// Where the images are, and how they are reached, as the keys of an rbd backend say.
struct RbdStorage {
  rbd::Place place;
  std::shared_ptr<rbd::Cluster> cluster;
  std::chrono::milliseconds osd_op_timeout;
  std::string mapper;
  std::string launcher;  // of storage daemons; empty: none
};
// `name`: of the backend whose volumes they are; `config`: of the rbd backend. Contacts nothing.
Result<RbdStorage> rbd_storage(const std::string& name, const BackendConfig& config, SharedParts& shared);

struct RbdRungs {
  RungPlan hand_over, hold, own, open, plug, guest_mount, map, stage, publish;
};
// With all that they use, kept in `parts`. There is a machine.
Result<RbdRungs> add_rbd_rungs(BackendParts& parts, const RbdStorage& stored, rbd::LimitsOfImage limits, const SharedParts& shared);

}  // namespace blockplug
