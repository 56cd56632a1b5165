// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/krbd_map.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "attach-detach/roles.h"
#include "ceph/arguments.h"
#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold_record.h"
#include "ceph/map/krbd_ready.h"
#include "hotplug/host/device_mark.h"
#include "hotplug/host/device_users.h"
#include "hotplug/host/helper/helper_call.h"
#include "hotplug/rungs.h"

namespace blockplug::rbd {
namespace {
constexpr const char* kTarget = "host";

// The kernel ignores a partial sector at the end of an image.
std::int64_t whole_sectors(std::int64_t bytes) { return bytes / 512 * 512; }

// Empty: no limits are set.
std::string limits_refusal(const Spec& spec) {
  const bool is_limited = std::ranges::any_of(spec.limits, [](const auto& limit) { return limit.second != 0; });
  if (!is_limited) return {};
  return "krbd does not support limits: set `mapper: fuse` for the backend, attach the volume to a VM, or remove its limits "
         "(`blockplug volume modify V --iops 0 --bytes-per-second 0`)";
}

Facts facts_of(const KrbdDevice& device) {
  return {{roles::kDeviceMapper, "krbd"},
          {roles::kDevicePath, device.path},
          {roles::kDeviceNumber, device.number},
          {roles::kDeviceSizeBytes, std::to_string(device.size_bytes)},
          {roles::kDeviceClient, device.client}};
}

std::string monitor_list(const std::vector<Monitor>& monitors) {
  std::string list;
  for (const auto& monitor : monitors) {
    const bool is_v6 = monitor.host.find(':') != std::string::npos;
    list += (list.empty() ? "" : ",") + (is_v6 ? "[" + monitor.host + "]" : monitor.host) + ":" + monitor.port;
  }
  return list;
}
}  // namespace

std::optional<std::string> KrbdMap::unfit(const Call& call, const Header& header) {
  if (auto why = limits_refusal(call.spec); !why.empty()) return why;
  if (auto why = load_module(call); !why.empty()) return why;
  const auto supported = krbd_features(parts_.sysfs);
  if (!supported) return std::nullopt;
  const auto missing = missing_features(header.features, *supported, call.spec.access);
  if (missing.empty()) return std::nullopt;
  return "this kernel's RBD client lacks features that the image has: " + missing +
         "; set `mapper: fuse` for the backend, or disable them (`rbd feature disable`)";
}

Attempt KrbdMap::raise(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  const auto mapped = ours(call, krbd_devices(parts_.sysfs));
  const auto is_good = [&](const KrbdDevice& device) { return device.access == call.spec.access && is_held_image(device, call); };
  // What is mapped already stays so, and grows: probe says that limits another node set are not enforced here.
  if (auto why = limits_refusal(call.spec); !why.empty() && std::ranges::none_of(mapped, is_good))
    return no_effect(Code::FailedPrecondition, std::move(why));
  std::optional<KrbdDevice> kept;
  bool is_changed = false;
  for (const auto& device : mapped) {
    if (!kept && is_good(device)) {
      kept = device;
      continue;
    }
    auto gone = unmap(call, device);
    if (!gone.ok() && is_changed) gone.error().effect = Effect::Unknown;
    if (!gone.ok()) return not_unmapped(call, device.path, device.number, std::move(gone).error());
    is_changed = true;
  }
  auto device = kept ? Result<KrbdDevice>{*kept} : map(call);
  if (device.ok() && device->size_bytes < whole_sectors(call.spec.size_bytes)) device = grow(call, *device);
  if (!device.ok()) {
    if (is_changed) device.error().effect = Effect::Unknown;
    return device.error();
  }
  if (const auto ready = wait_until_ready(*device, call.deadline, call.stop); !ready.ok()) return ready.error();
  parts_.events.watch(device->path, call.key.volume);
  return Done{facts_of(*device)};
}

Result<KrbdDevice> KrbdMap::map(const Call& call) {
  if (const auto missing = load_module(call); !missing.empty()) return no_effect(Code::FailedPrecondition, missing);
  TRY(parts_.source.announce(call));
  const auto image = image_name(image_ref(call, parts_.place));
  auto desired = TRY(desired_of(call));
  const auto facts = TRY(run(call, "krbd-map", std::move(desired), "mapping " + image));
  const auto device = krbd_device(parts_.sysfs, fact(facts, "id"));
  if (!device)
    return maybe_effect(Code::Unavailable, image + " was unmapped by another program right after it was mapped: try again");
  if (is_held_image(*device, call)) return *device;
  TRY(unmap(call, *device));
  return no_effect(Code::FailedPrecondition,
                   image + " is no longer the held image, it was replaced: detach the volume, or restore the image");
}

// Empty: the module is loaded.
std::string KrbdMap::load_module(const Call& call) {
  const std::lock_guard guard{module_mutex_};
  if (has_krbd(parts_.sysfs)) return {};
  const std::string missing = "this kernel has no RBD client: run `modprobe rbd`, or set `mapper: fuse` for the backend";
  if (std::exchange(was_loaded_, true)) return missing;
  const auto loaded = run(call, "load-module", {{"module", "rbd"}}, "loading the module rbd");
  if (has_krbd(parts_.sysfs)) return {};
  return missing + (loaded.ok() ? "" : " (" + loaded.error().message + ")");
}

// Kernels before 5.11 support only the v1 protocol, on the monitors' v1 addresses.
Result<Facts> KrbdMap::desired_of(const Call& call) {
  auto monitors = TRY(parts_.cluster.legacy_monitors());
  const bool has_legacy = !monitors.empty();
  if (!has_legacy) monitors = TRY(parts_.cluster.monitors());
  const auto image = image_ref(call, parts_.place);
  const auto osd_seconds = std::chrono::ceil<std::chrono::seconds>(parts_.osd_op_timeout).count();
  return Facts{{"monitors", monitor_list(monitors)},
               {"ms_mode", has_legacy ? "" : "prefer-crc"},
               {"user", parts_.cluster.user()},
               {"keyrings", TRY(parts_.cluster.keyrings())},
               {"access", call.spec.access == Access::ReadOnly ? "ro" : "rw"},
               {"pool", image.pool},
               {"namespace", image.name_space},
               {"image", image.name},
               {"osd_timeout_seconds", std::to_string(osd_seconds)}};
}

Result<KrbdDevice> KrbdMap::grow(const Call& call, const KrbdDevice& device) {
  TRY(run(call, "krbd-refresh", {{"id", device.id}}, "growing " + device.path));
  const auto grown = krbd_device(parts_.sysfs, device.id);
  if (!grown) return maybe_effect(Code::Unavailable, device.path + " was unmapped by another program while it grew: try again");
  if (const auto flaw = flaw_of(*grown, call); !flaw.empty())
    return maybe_effect(Code::FailedPrecondition, flaw + ": the image is smaller than the volume; expand the volume");
  return *grown;
}

Attempt KrbdMap::lower(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  for (const auto& device : ours(call, krbd_devices(parts_.sysfs)))
    if (auto gone = unmap(call, device); !gone.ok()) return not_unmapped(call, device.path, device.number, std::move(gone).error());
  return Done{};
}

Finding KrbdMap::probe(const Call& call) {
  if (const auto busy = parts_.helper.busy(call.key.volume)) return {Standing::Unknown, {}, *busy};
  const auto devices = readings_.since(call.must_be_read_since(), {},
                                       [&]() -> Result<std::vector<KrbdDevice>> { return krbd_devices(parts_.sysfs); });
  if (!devices.ok()) return {Standing::Unknown, {}, devices.error().message};
  const auto found = ours(call, **devices);
  if (found.empty()) return not_there(call);
  const auto& device = found.front();
  if (const auto flaw = flaw_of(device, call); !flaw.empty()) return {Standing::Stale, facts_of(device), flaw};
  if (found.size() > 1)
    return {Standing::Stale, facts_of(device), "it is mapped twice: on " + device.path + " and " + found[1].path};
  parts_.events.watch(device.path, call.key.volume);
  if (!krbd_device(parts_.sysfs, device.id)) return not_there(call);  // unmapped after it was read, and before it was watched
  const auto unlimited = limits_refusal(call.spec);
  return {Standing::Up, facts_of(device),
          unlimited.empty() ? "" : "the volume's limits are not enforced on " + device.path + ": " + unlimited};
}

Finding KrbdMap::not_there(const Call& call) const {
  const auto path = fact(call.before, roles::kDevicePath);
  if (path.empty()) return {Standing::Down, {}, {}};
  const auto all = krbd_devices(parts_.sysfs);
  const auto now = std::ranges::find(all, path, &KrbdDevice::path);
  if (now == all.end()) return {Standing::Down, {}, path + " is no longer mapped: it was unmapped by another program"};
  return {Standing::Down, {}, path + " now maps " + now->pool + "/" + now->image + ": it was mapped by another program"};
}

Survey KrbdMap::survey(Time) {
  Survey found;
  for (const auto& device : krbd_devices(parts_.sysfs)) {
    const auto asked = volume_of(device);
    found.is_partial = found.is_partial || !asked.ok();
    const auto volume = asked.ok() ? *asked : std::nullopt;
    if (!volume) continue;
    const ImageRef image{device.pool, device.name_space, device.image};
    found.push_back({.key = {*volume, TargetId(kTarget)},
                     .kind = rungs::kMap,
                     .facts = facts_of(device),
                     .what = "kernel mapping " + device.path + " of " + image_name(image)});
  }
  return found;
}

// The mark tells whether a mapping is that volume's, and no more. Most images have their volume's name. What an image of another
// name is mapped for is in its hold; where the cluster does not tell, it is looked for again at the next survey.
Result<std::optional<VolumeId>> KrbdMap::volume_of(const KrbdDevice& device) {
  const std::optional<VolumeId> none;
  if (!device.mark.starts_with(kDeviceMarkPrefix)) return none;
  const ImageRef image{device.pool, device.name_space, device.image};
  const VolumeId named{parts_.place.backend + "/" + device.image};
  const bool is_in_place = image == image_ref(named, parts_.place);
  if (device.mark == mark_of(named)) return is_in_place ? std::optional{named} : none;
  auto pool = open_pool(parts_.cluster, image);
  const auto header = pool.ok() ? read_header(*pool, device.image_id) : Result<Header>{pool.error()};
  const auto record = header.ok() ? hold_record_from(header->hold) : Result<HoldRecord>{header.error()};
  if (!record.ok() && record.error().code == Code::NotFound) return none;
  if (!record.ok()) return record.error();
  for (const auto& holder : record->holders)
    if (backend_of(holder.attachment.volume) == parts_.place.backend && device.mark == mark_of(holder.attachment.volume))
      return std::optional{holder.attachment.volume};
  return none;
}

std::vector<KrbdDevice> KrbdMap::ours(const Call& call, std::vector<KrbdDevice> devices) const {
  std::erase_if(devices, [&](const auto& device) { return device.mark != mark_of(call.key.volume); });
  return devices;
}

// How the device differs from the desired state; empty: it does not.
std::string KrbdMap::flaw_of(const KrbdDevice& device, const Call& call) const {
  if (!is_held_image(device, call)) return device.path + " maps another image than the held one: " + image_of(device);
  if (device.access != call.spec.access)
    return device.path + " is mapped " + to_text(device.access) + ", desired: " + to_text(call.spec.access);
  if (device.size_bytes < whole_sectors(call.spec.size_bytes))
    return device.path + " has " + std::to_string(device.size_bytes) + " bytes, desired: " + std::to_string(call.spec.size_bytes);
  return {};
}

// If the hold is not up, only the marker is compared.
bool KrbdMap::is_held_image(const KrbdDevice& device, const Call& call) const {
  const auto held = fact(call.below, roles::kImageId);
  return held.empty() || (held == image_of(device) && device.snapshot == "-");
}

std::string KrbdMap::image_of(const KrbdDevice& device) const {
  return image_id(device.fsid, {.backend = {}, .pool = device.pool, .name_space = device.name_space}, device.image_id).str();
}

Result<Facts> KrbdMap::unmap(const Call& call, const KrbdDevice& device) {
  parts_.events.unwatch(device.path);  // no events for our own changes
  auto gone = run(call, "krbd-unmap", {{"id", device.id}}, "unmapping " + device.path);
  if (!gone.ok()) parts_.events.watch(device.path, call.key.volume);  // it may still be there
  return gone;
}

Result<Facts> KrbdMap::run(const Call& call, const std::string& verb, Facts arguments, const std::string& what) {
  arguments["sysfs"] = parts_.sysfs;
  arguments["mark"] = mark_of(call.key.volume);
  return blockplug::run(parts_.helper, call, verb, std::move(arguments), what);
}

std::string KrbdMap::mark_of(const VolumeId& volume) const { return device_mark(parts_.owner, volume); }

}  // namespace blockplug::rbd
