// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/krbd_map.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "ceph/arguments.h"
#include "ceph/map/krbd_ready.h"
#include "hotplug/helper/helper_call.h"
#include "hotplug/loop/loop_map.h"
#include "hotplug/loop/loop_map_users.h"

namespace blockplug::rbd {
namespace {
constexpr const char* kTarget = "host";

// The kernel shows no rest of a sector at an image's end.
std::int64_t whole_sectors(std::int64_t bytes) { return bytes / 512 * 512; }

const char* to_text(Access access) { return access == Access::ReadOnly ? "read-only" : "read-write"; }

// Empty: there is nothing to limit.
std::string limits_refusal(const Spec& spec) {
  const bool is_limited = std::ranges::any_of(spec.limits, [](const auto& limit) { return limit.second != 0; });
  if (!is_limited) return {};
  return "krbd cannot limit a volume: say `mapper: fuse` for its backend, attach it to a VM, or lift its limits (`blockplug volume "
         "modify V --iops 0 --bytes-per-second 0`)";
}

Facts facts_of(const KrbdDevice& device) {
  return {{"mapper", "krbd"},
          {"device", device.path},
          {"number", device.number},
          {"size_bytes", std::to_string(device.size_bytes)},
          {"client", device.client}};
}

Attempt still_used(const Call& call, const KrbdDevice& device) {
  const auto text = device.path + " is still in use by " + users_of(device.path, device.number);
  if (call.because == Because::Hole) return no_effect(Code::FailedPrecondition, text);
  return Waiting{text, Clock::now() + std::chrono::seconds(1)};
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

std::string KrbdMap::mark_of(const VolumeId& volume) const { return loop_mark(parts_.owner, volume); }

std::string KrbdMap::image_of(const KrbdDevice& device) const {
  return image_id(device.fsid, {.backend = {}, .pool = device.pool, .name_space = device.name_space}, device.image_id).str();
}

// Where nothing is held just now the mark alone must do.
bool KrbdMap::is_held_image(const KrbdDevice& device, const Call& call) const {
  const auto held = fact(call.below, "hold.image");
  return held.empty() || (held == image_of(device) && device.snapshot == "-");
}

// Why it is not as it must be; empty: it is.
std::string KrbdMap::flaw_of(const KrbdDevice& device, const Call& call) const {
  if (!is_held_image(device, call)) return device.path + " is another image than the one that is held: " + image_of(device);
  if (device.access != call.spec.access)
    return device.path + " is mapped " + to_text(device.access) + ", wished is " + to_text(call.spec.access);
  if (device.size_bytes < whole_sectors(call.spec.size_bytes))
    return device.path + " has " + std::to_string(device.size_bytes) + " bytes, wished are " + std::to_string(call.spec.size_bytes);
  return limits_refusal(call.spec);
}

std::vector<KrbdDevice> KrbdMap::ours(const Call& call) const {
  auto found = krbd_devices(parts_.sysfs);
  std::erase_if(found, [&](const auto& device) { return device.mark != mark_of(call.key.volume); });
  return found;
}

Finding KrbdMap::not_there(const Call& call) const {
  const auto path = fact(call.before, "device");
  if (path.empty()) return {Standing::Down, {}, {}};
  const auto all = krbd_devices(parts_.sysfs);
  const auto now = std::ranges::find(all, path, &KrbdDevice::path);
  if (now == all.end()) return {Standing::Down, {}, "nothing is mapped on " + path + " any more: somebody unmapped it"};
  return {Standing::Down, {}, path + " is not ours any more: somebody mapped " + now->pool + "/" + now->image + " on it"};
}

Result<Facts> KrbdMap::run(const Call& call, const std::string& verb, Facts arguments, const std::string& what) {
  arguments["sysfs"] = parts_.sysfs;
  arguments["mark"] = mark_of(call.key.volume);
  return blockplug::run(parts_.helper, call, verb, std::move(arguments), what);
}

// Empty: it is there.
std::string KrbdMap::load_module(const Call& call) {
  const std::lock_guard guard{module_mutex_};
  if (has_krbd(parts_.sysfs)) return {};
  const std::string missing = "this kernel has no RBD client: run `modprobe rbd`, or say `mapper: fuse` for the backend";
  if (std::exchange(was_loaded_, true)) return missing;
  const auto loaded = run(call, "load-module", {{"module", "rbd"}}, "loading the module rbd");
  if (has_krbd(parts_.sysfs)) return {};
  return missing + (loaded.ok() ? "" : " (" + loaded.error().message + ")");
}

std::optional<std::string> KrbdMap::unfit(const Call& call, const Header& header) {
  if (auto why = limits_refusal(call.spec); !why.empty()) return why;
  if (auto why = load_module(call); !why.empty()) return why;
  const auto supported = krbd_features(parts_.sysfs);
  if (!supported) return std::nullopt;
  const auto missing = missing_features(header.features, *supported, call.spec.access);
  if (missing.empty()) return std::nullopt;
  return "this kernel's RBD client lacks features that the image has: " + missing +
         "; say `mapper: fuse` for the backend, or disable them (`rbd feature disable`)";
}

Result<Facts> KrbdMap::unmap(const Call& call, const KrbdDevice& device) {
  parts_.events.unwatch(device.path);  // what we do ourselves is no news
  return run(call, "krbd-unmap", {{"id", device.id}}, "unmapping " + device.path);
}

// Kernels before 5.11 know only the old protocol, on the monitors' v1 addresses.
Result<Facts> KrbdMap::wish_of(const Call& call) {
  auto monitors = TRY(parts_.cluster.legacy_monitors());
  const bool has_legacy = !monitors.empty();
  if (!has_legacy) monitors = TRY(parts_.cluster.monitors());
  const auto osd_seconds = std::chrono::ceil<std::chrono::seconds>(parts_.osd_op_timeout).count();
  return Facts{{"monitors", monitor_list(monitors)},
               {"ms_mode", has_legacy ? "" : "prefer-crc"},
               {"user", parts_.cluster.user()},
               {"keyrings", TRY(parts_.cluster.keyrings())},
               {"access", call.spec.access == Access::ReadOnly ? "ro" : "rw"},
               {"pool", parts_.place.pool},
               {"namespace", parts_.place.name_space},
               {"image", name_of(call.key.volume)},
               {"osd_timeout_seconds", std::to_string(osd_seconds)}};
}

Result<KrbdDevice> KrbdMap::map(const Call& call) {
  if (const auto missing = load_module(call); !missing.empty()) return no_effect(Code::FailedPrecondition, missing);
  TRY(parts_.source.announce(call));
  const auto image = image_name(parts_.place, name_of(call.key.volume));
  auto wish = TRY(wish_of(call));
  const auto facts = TRY(run(call, "krbd-map", std::move(wish), "mapping " + image));
  const auto device = krbd_device(parts_.sysfs, fact(facts, "id"));
  if (!device) return maybe_effect(Code::Unavailable, image + " was unmapped by somebody as soon as it was mapped: try again");
  if (is_held_image(*device, call)) return *device;
  TRY(unmap(call, *device));
  return no_effect(Code::FailedPrecondition,
                   image + " is not the image that is held any more, it was replaced: detach the volume, or bring the image back");
}

Result<KrbdDevice> KrbdMap::grow(const Call& call, const KrbdDevice& device) {
  TRY(run(call, "krbd-refresh", {{"id", device.id}}, "growing " + device.path));
  const auto grown = krbd_device(parts_.sysfs, device.id);
  if (!grown) return maybe_effect(Code::Unavailable, device.path + " was unmapped by somebody while it grew: try again");
  if (const auto flaw = flaw_of(*grown, call); !flaw.empty())
    return maybe_effect(Code::FailedPrecondition, flaw + ": the image is smaller than the volume, expand the volume");
  return *grown;
}

Attempt KrbdMap::raise(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  if (const auto why = limits_refusal(call.spec); !why.empty()) return no_effect(Code::FailedPrecondition, why);
  std::optional<KrbdDevice> kept;
  bool is_changed = false;
  for (const auto& device : ours(call)) {
    if (!kept && device.access == call.spec.access && is_held_image(device, call)) {
      kept = device;
      continue;
    }
    const auto gone = unmap(call, device);
    if (!gone.ok()) return gone.error().code == Code::FailedPrecondition ? still_used(call, device) : Attempt{gone.error()};
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

Attempt KrbdMap::lower(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  for (const auto& device : ours(call)) {
    const auto gone = unmap(call, device);
    if (gone.ok()) continue;
    parts_.events.watch(device.path, call.key.volume);
    return gone.error().code == Code::FailedPrecondition ? still_used(call, device) : Attempt{gone.error()};
  }
  return Done{};
}

Finding KrbdMap::probe(const Call& call) {
  if (const auto busy = parts_.helper.busy(call.key.volume)) return {Standing::Unknown, {}, *busy};
  const auto found = ours(call);
  if (found.empty()) return not_there(call);
  const auto& device = found.front();
  if (const auto flaw = flaw_of(device, call); !flaw.empty()) return {Standing::Stale, facts_of(device), flaw};
  if (found.size() > 1)
    return {Standing::Stale, facts_of(device), "it is mapped twice, on " + device.path + " and " + found[1].path};
  parts_.events.watch(device.path, call.key.volume);
  return {Standing::Up, facts_of(device), {}};
}

std::vector<Found> KrbdMap::survey() {
  std::vector<Found> found;
  for (const auto& device : krbd_devices(parts_.sysfs)) {
    const VolumeId volume{parts_.place.backend + "/" + device.image};
    if (device.mark != mark_of(volume) || device.pool != parts_.place.pool || device.name_space != parts_.place.name_space)
      continue;
    found.push_back({.key = {volume, TargetId(kTarget)},
                     .kind = RungKind::Map,
                     .facts = facts_of(device),
                     .what = "kernel mapping " + device.path + " of " + image_name(parts_.place, device.image)});
  }
  return found;
}

}  // namespace blockplug::rbd
