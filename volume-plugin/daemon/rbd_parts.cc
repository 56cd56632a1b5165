// SPDX-License-Identifier: Apache-2.0
#include "ceph/backend.h"
#include "ceph/hold.h"
#include "ceph/hold_watch.h"
#include "ceph/map/fuse_map.h"
#include "ceph/map/krbd_map.h"
#include "ceph/map/rbd_map.h"
#include "ceph/own.h"
#include "ceph/rbd_source.h"
#include "hotplug/guest/guest_mount.h"
#include "hotplug/open.h"
#include "hotplug/plug.h"
#include "volume-plugin/daemon/backend_parts.h"
#include "volume-plugin/daemon/rung_plans.h"
#include "volume-plugin/mount/publish.h"
#include "volume-plugin/mount/stage.h"

namespace blockplug {
namespace {

std::shared_ptr<rbd::Cluster> cluster_of(const RbdBackendConfig& config, Around& around) {
  auto& cluster = around.clusters[{config.conf, config.user, config.keyring, config.monitors}];
  if (!cluster)
    cluster = std::make_shared<rbd::Cluster>(rbd::ClusterOptions{
        .conf = config.conf, .user = config.user, .keyring = config.keyring, .monitors = config.monitors, .state_dir = around.state_dir});
  return cluster;
}

std::vector<rbd::Mapper*> chosen(MapperChoice choice, rbd::Mapper* krbd, rbd::Mapper* fuse) {
  switch (choice) {
    case MapperChoice::Auto: return {krbd, fuse};
    case MapperChoice::Krbd: return {krbd};
    case MapperChoice::Fuse: return {fuse};
  }
  return {};
}

}  // namespace

// Nothing here asks the cluster: one that does not answer keeps no daemon from starting.
Result<BackendParts> make_parts(const std::string& name, const RbdBackendConfig& config, Around& around) {
  const auto& machine = around.machine;
  const rbd::Place place{name, config.pool, config.name_space, config.data_pool};
  BackendParts parts;
  parts.name = name;
  auto shared = cluster_of(config, around);
  auto& cluster = *shared;
  auto hold_watch = std::make_shared<rbd::HoldWatch>(rbd::HoldWatch::Parts{shared, place, around.node, machine.events});
  parts.kept.insert(parts.kept.end(), {shared, hold_watch});
  auto backend = std::make_unique<rbd::RbdBackend>(cluster, place, around.node, TRY(rbd::features_of(config.features)));
  auto made = TRY(rbd::RbdSource::make({cluster, place, around.node, around.run_dir, config.osd_op_timeout}));
  auto& source = *made;
  parts.sources.push_back(std::move(made));
  auto* hold = add(parts, std::make_unique<rbd::RbdHold>(cluster, place, around.node, hold_watch.get()));
  auto* own = add(parts, std::make_unique<rbd::Own>(cluster, place, around.node));
  auto* open = add(parts, std::make_unique<Open>(machine.vms, source, name));
  auto* plug = add(parts, std::make_unique<Plug>(machine.vms, name));
  auto* guest = add(parts, std::make_unique<GuestMount>(machine.vms, *backend));
  auto krbd = std::make_shared<rbd::KrbdMap>(rbd::KrbdMap::Parts{.cluster = cluster,
                                                               .place = place,
                                                               .source = source,
                                                               .helper = machine.helper,
                                                               .events = machine.block_events,
                                                               .owner = around.owner,
                                                               .osd_op_timeout = config.osd_op_timeout});
  auto fuse = std::make_shared<rbd::FuseMap>(rbd::FuseMap::Parts{.place = place,
                                                               .source = source,
                                                               .helper = machine.helper,
                                                               .events = machine.block_events,
                                                               .processes = machine.processes,
                                                               .owner = around.owner,
                                                               .run_dir = around.run_dir});
  auto* map = add(parts, std::make_unique<rbd::RbdMap>(cluster, place, std::vector<rbd::Mapper*>{krbd.get(), fuse.get()},
                                                          chosen(config.mapper, krbd.get(), fuse.get())));
  parts.kept.insert(parts.kept.end(), {krbd, fuse});  // RbdMap speaks for them
  auto* stage = add(parts, std::make_unique<mount::Stage>(
                               mount::Stage::Parts{machine.helper, *backend, machine.mount_watch, *map, around.staging()}));
  auto* publish = add(parts, std::make_unique<mount::Publish>(
                                 mount::Publish::Parts{machine.helper, machine.mount_watch, *map, around.staging()}));
  parts.ladders["vm"] = {{plans::hold(hold), plans::open_rbd(open), plans::own(own), plans::plug(plug)}, {plans::guest_mount(guest)}};
  parts.ladders["host"] = {{plans::hold(hold), plans::map_rbd(map), plans::own(own), plans::stage(stage)}, {plans::publish(publish)}};
  parts.backend = std::move(backend);
  return parts;
}

}  // namespace blockplug
