// SPDX-License-Identifier: Apache-2.0
#include "ceph/backend.h"
#include "ceph/features.h"
#include "ceph/hold.h"
#include "ceph/hold_watch.h"
#include "ceph/image_format.h"
#include "ceph/map/fuse_mapper.h"
#include "ceph/map/krbd_map.h"
#include "ceph/map/rbd_map.h"
#include "ceph/own.h"
#include "ceph/rbd_source.h"
#include "hotplug/guest/guest_mount.h"
#include "hotplug/host/mount/publish.h"
#include "hotplug/host/mount/stage.h"
#include "hotplug/vm/open.h"
#include "hotplug/vm/plug.h"
#include "volume-plugin/daemon/backend_parts.h"
#include "volume-plugin/daemon/config_values.h"
#include "volume-plugin/daemon/rbd_rungs.h"
#include "volume-plugin/daemon/rung_plans.h"

namespace blockplug {
namespace {

std::shared_ptr<rbd::Cluster> cluster_of(const BackendConfig& config, SharedParts& shared) {
  auto& cluster = shared.clusters[{config.one("conf"), config.one("user"), config.one("keyring"), config.all("monitors")}];
  if (!cluster)
    cluster = std::make_shared<rbd::Cluster>(rbd::ClusterOptions{.conf = config.one("conf"),
                                                                 .user = config.one("user"),
                                                                 .keyring = config.one("keyring"),
                                                                 .monitors = config.all("monitors"),
                                                                 .state_dir = shared.state_dir});
  return cluster;
}

// Auto: the first that can.
std::vector<rbd::Mapper*> chosen(const std::string& choice, rbd::Mapper* krbd, rbd::Mapper* fuse) {
  if (choice == "krbd") return {krbd};
  if (choice == "fuse") return {fuse};
  return {krbd, fuse};
}

// "0": without a limit.
Result<std::chrono::milliseconds> timeout_of(const std::string& text) {
  if (text == "0") return std::chrono::milliseconds(0);
  return parse_duration(text);
}

struct Maps {
  rbd::RbdMap* map;
  DeviceLimits* limits;  // of the devices that can have some
};
Maps add_map(BackendParts& parts, const RbdStorage& stored, rbd::RbdSource& source, const SharedParts& shared) {
  const auto& machine = *shared.machine;
  auto krbd = std::make_shared<rbd::KrbdMap>(rbd::KrbdMap::Parts{.cluster = *stored.cluster,
                                                                 .place = stored.place,
                                                                 .source = source,
                                                                 .helper = machine.helper,
                                                                 .events = machine.block_events,
                                                                 .owner = shared.owner,
                                                                 .osd_op_timeout = stored.osd_op_timeout});
  auto fuse = std::make_shared<rbd::FuseMapper>(fuse::FuseMap::Parts{.backend = parts.name,
                                                                     .source = source,
                                                                     .helper = machine.helper,
                                                                     .events = machine.block_events,
                                                                     .processes = machine.processes,
                                                                     .owner = shared.owner,
                                                                     .run_dir = shared.run_dir,
                                                                     .launcher = stored.launcher});
  auto* map =
      add(parts, std::make_unique<rbd::RbdMap>(*stored.cluster, stored.place, std::vector<rbd::Mapper*>{krbd.get(), fuse.get()},
                                               chosen(stored.mapper, krbd.get(), fuse.get())));
  parts.kept.insert(parts.kept.end(), {krbd, fuse});  // RbdMap uses them
  return {map, fuse.get()};
}

}  // namespace

Result<RbdStorage> rbd_storage(const std::string& name, const BackendConfig& config, SharedParts& shared) {
  const auto timeout = TRY(timeout_of(config.one("osd_op_timeout")));
  rbd::Place place{name, config.one("pool"), config.one("namespace"), config.one("data_pool")};
  return RbdStorage{std::move(place), cluster_of(config, shared), timeout, config.one("mapper"),
                    config.one("storage_daemon_launcher")};
}

Result<RbdRungs> add_rbd_rungs(BackendParts& parts, const RbdStorage& stored, rbd::LimitsOfImage limits,
                               const SharedParts& shared) {
  const auto& machine = *shared.machine;
  auto& cluster = *stored.cluster;
  const auto& place = stored.place;
  parts.kept.push_back(stored.cluster);
  auto formats = std::make_shared<rbd::ImageFormat>(cluster, place);
  parts.kept.push_back(formats);
  auto hold_watch = std::make_shared<rbd::HoldWatch>(
      rbd::HoldWatch::Parts{.cluster = stored.cluster, .node = shared.node, .events = machine.events, .limits = limits});
  parts.kept.push_back(hold_watch);
  auto made = TRY(rbd::RbdSource::make({cluster, place, shared.node, shared.run_dir, stored.osd_op_timeout}));
  auto& source = *made;
  parts.sources.push_back(std::move(made));
  const auto maps = add_map(parts, stored, source, shared);
  return RbdRungs{
      .hand_over = add_hand_over(parts, shared),
      .hold = plans::hold(add(parts, std::make_unique<rbd::RbdHold>(cluster, place, shared.node, hold_watch.get()))),
      .own = plans::own(add(parts, std::make_unique<rbd::Own>(cluster, place, shared.node))),
      .open = plans::open_rbd(add(parts, std::make_unique<Open>(machine.vms, source, parts.name))),
      .plug = plans::plug(add(parts, std::make_unique<Plug>(machine.vms, parts.name))),
      .guest_mount = plans::guest_mount(add(parts, std::make_unique<GuestMount>(machine.vms, machine.guest_mounts, *formats))),
      .map = plans::map_rbd(maps.map),
      .stage =
          plans::stage(add(parts, std::make_unique<mount::Stage>(mount::Stage::Parts{machine.helper, *formats, machine.mount_watch,
                                                                                     *maps.map, maps.limits, shared.staging()}))),
      .publish = plans::publish(add(parts, std::make_unique<mount::Publish>(mount::Publish::Parts{
                                               machine.helper, machine.mount_watch, *maps.map, shared.staging()})))};
}

namespace {

// Nothing here contacts the cluster: the daemon starts even if the cluster does not answer.
Result<BackendParts> make_rbd(const std::string& name, const BackendConfig& config, SharedParts& shared) {
  BackendParts parts;
  parts.name = name;
  const auto stored = TRY(rbd_storage(name, config, shared));
  parts.kept.push_back(stored.cluster);
  const auto features = TRY(rbd::features_of(config.all("features")));
  parts.backend = std::make_unique<rbd::RbdBackend>(*stored.cluster, stored.place, shared.node, features);
  if (!shared.machine) return parts;
  const auto rungs = TRY(add_rbd_rungs(parts, stored, rbd::LimitsOfImage::Count, shared));
  parts.ladders["vm"] = {{rungs.hand_over, rungs.hold, rungs.open, rungs.own, rungs.plug}, {rungs.guest_mount}};
  parts.ladders["host"] = {{rungs.hold, rungs.map, rungs.own, rungs.stage}, {rungs.publish}, rungs::kMap};
  return parts;
}

Result<std::string> read_word(const std::string& text) {
  TRY(check_ceph_word(text));
  return text;
}

Result<std::string> read_monitor(const std::string& text) {
  TRY(check_monitor(text));
  return text;
}

Result<std::string> read_mapper(const std::string& text) {
  if (text == "auto" || text == "krbd" || text == "fuse") return text;
  return no_effect(Code::InvalidArgument, "it must be auto or krbd or fuse");
}

Result<std::string> read_timeout(const std::string& text) {
  const auto timeout = TRY(timeout_of(text));
  return timeout.count() == 0 ? "0" : format_duration(timeout);
}

Status check_features(const std::vector<std::string>& names) {
  TRY(rbd::features_of(names));
  return Ok{};
}

}  // namespace

BackendKind rbd_kind() {
  return {.type = "rbd",
          .keys = {{.name = "conf", .read = parse_path, .otherwise = {"/etc/ceph/ceph.conf"}},
                   {.name = "user", .read = read_word, .if_missing = "has no user; add user: blockplug (client.blockplug in Ceph)"},
                   {.name = "pool", .read = read_word, .if_missing = "has no pool; add pool: volumes"},
                   {.name = "namespace", .read = read_word},                     // none: the pool's own
                   {.name = "data_pool", .read = read_word},                     // of new images; none: the same pool
                   {.name = "keyring", .read = parse_path},                      // none: where Ceph looks for one
                   {.name = "monitors", .read = read_monitor, .is_list = true},  // none: as in the conf
                   // Of new images, by Ceph's names; none: rbd::kDefaultFeatures.
                   {.name = "features", .read = read_word, .is_list = true, .check_all = check_features},
                   {.name = "mapper", .read = read_mapper, .otherwise = {"auto"}},  // how images come onto the host
                   {.name = "storage_daemon_launcher", .read = parse_path},         // a socket; none: blockplugd starts them itself
                   {.name = "osd_op_timeout", .read = read_timeout, .otherwise = {"0"}}},  // of a guest's own reads and writes
          .make = make_rbd};
}

}  // namespace blockplug
