// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/loop/loop_map.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "attach-detach/roles.h"
#include "hotplug/host/device_mark.h"
#include "hotplug/host/device_users.h"
#include "hotplug/host/file_id.h"
#include "hotplug/host/helper/helper_call.h"
#include "hotplug/rungs.h"

namespace blockplug {
namespace {
using loop::LoopDevice;

constexpr std::string_view kTarget = "host";

// "file:<device>:<inode>"
std::optional<FileId> held_file(const Call& call) {
  const auto image = fact(call.below, roles::kImageId);
  const auto* end = image.data() + image.size();
  if (!image.starts_with("file:")) return std::nullopt;
  FileId file;
  const auto device = std::from_chars(image.data() + 5, end, file.device);
  if (device.ec != std::errc{} || device.ptr == end || *device.ptr != ':') return std::nullopt;
  const auto inode = std::from_chars(device.ptr + 1, end, file.inode);
  return inode.ec == std::errc{} && inode.ptr == end ? std::optional{file} : std::nullopt;
}

// If the hold is not up, only the marker is compared.
bool is_over_held_file(const LoopDevice& device, const Call& call) {
  const auto file = held_file(call);
  return !file || *file == FileId{device.file_device, device.file_inode};
}

std::int64_t desired_bytes(const Call& call) {
  return call.spec.size_bytes / 512 * 512;
}  // the kernel ignores a partial sector too

// How the device differs from the desired state; empty: it does not.
std::string flaw_of(const LoopDevice& device, const Call& call) {
  if (!is_over_held_file(device, call)) return device.path + " is over another file than the held one: " + device.file;
  if (device.access != call.spec.access)
    return device.path + " is mapped " + to_text(device.access) + ", desired: " + to_text(call.spec.access);
  if (device.size_bytes >= desired_bytes(call)) return {};
  return device.path + " has " + std::to_string(device.size_bytes) + " bytes, desired: " + std::to_string(desired_bytes(call));
}

Facts facts_of(const LoopDevice& device) {
  return {{roles::kDevicePath, device.path},
          {roles::kDeviceNumber, device.number},
          {roles::kDeviceSizeBytes, std::to_string(device.size_bytes)},
          {roles::kDeviceDirect, device.is_direct ? "true" : "false"}};
}

Finding not_there(const Call& call) {
  const auto path = fact(call.before, roles::kDevicePath);
  if (path.empty()) return {Standing::Down, {}, {}};
  const auto now = loop::at(path);
  if (!now.ok()) return {Standing::Unknown, {}, now.error().message};
  if (!*now) return {Standing::Down, {}, path + " is no longer mapped: it was detached by another program"};
  return {Standing::Down, {}, path + " now maps " + (*now)->file + ": it was mapped by another program"};
}
}  // namespace

Attempt LoopMap::raise(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  for (const auto& [name, value] : call.spec.limits)
    if (value != 0)
      return no_effect(Code::FailedPrecondition,
                       "the volume has a limit (" + name + "), which loop devices do not support: attach it to a VM, or remove " +
                           "its limits (`blockplug volume modify " + call.key.volume.str() + " --iops 0 --bytes-per-second 0`)");
  const auto found = ours(call);
  if (!found.ok()) return found.error();
  std::optional<LoopDevice> kept;
  bool is_changed = false;
  for (const auto& device : *found) {
    if (!kept && device.access == call.spec.access && is_over_held_file(device, call)) {
      kept = device;
      continue;
    }
    auto gone = unmap(call, device);
    if (!gone.ok() && is_changed) gone.error().effect = Effect::Unknown;
    if (!gone.ok()) return not_unmapped(call, device.path, device.number, std::move(gone).error());
    is_changed = true;
  }
  auto device = kept ? Result<LoopDevice>{*kept} : map(call);
  if (device.ok() && device->size_bytes < desired_bytes(call)) device = grow(call, *device);
  if (!device.ok()) {
    if (is_changed) device.error().effect = Effect::Unknown;
    return device.error();
  }
  parts_.events.watch(device->path, call.key.volume);
  return Done{facts_of(*device)};
}

Result<LoopDevice> LoopMap::map(const Call& call) {
  const auto file = held_file(call);
  const auto path = fact(call.below, roles::kImagePath);
  if (!file || path.empty()) return no_effect(Code::FailedPrecondition, "nothing to map: the hold has no file");
  const auto facts = TRY(run(call, "loop-map",
                             {{"file", path},
                              {"device", std::to_string(file->device)},
                              {"inode", std::to_string(file->inode)},
                              {"access", call.spec.access == Access::ReadOnly ? "ro" : "rw"},
                              {"direct", fact(call.below, roles::kImageDirect) == "true" ? "true" : "false"}},
                             "mapping " + path));
  const auto device = TRY(loop::at(fact(facts, "device")));
  if (device) return *device;
  return maybe_effect(Code::Unavailable,
                      fact(facts, "device") + " was detached by another program right after it was mapped: try again");
}

Result<LoopDevice> LoopMap::grow(const Call& call, const LoopDevice& device) {
  TRY(run(call, "loop-resize", {{"device", device.path}}, "growing " + device.path));
  const auto grown = TRY(loop::at(device.path));
  if (!grown) return maybe_effect(Code::Unavailable, device.path + " was detached by another program while it grew: try again");
  if (const auto flaw = flaw_of(*grown, call); !flaw.empty())
    return maybe_effect(Code::FailedPrecondition,
                        flaw + ": the file " + grown->file + " is smaller than the volume; expand the volume");
  return *grown;
}

Attempt LoopMap::lower(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  const auto found = every_one_of_ours(call);
  if (!found.ok()) return found.error();
  for (const auto& device : *found)
    if (auto gone = unmap(call, device); !gone.ok()) return not_unmapped(call, device.path, device.number, std::move(gone).error());
  return Done{};
}

Finding LoopMap::probe(const Call& call) {
  if (const auto busy = parts_.helper.busy(call.key.volume)) return {Standing::Unknown, {}, *busy};
  const auto found = ours(call);
  if (!found.ok()) return {Standing::Unknown, {}, found.error().message};
  if (found->empty()) return not_there(call);
  const auto& device = found->front();
  if (const auto flaw = flaw_of(device, call); !flaw.empty()) return {Standing::Stale, facts_of(device), flaw};
  if (found->size() > 1)
    return {Standing::Stale, facts_of(device), "it is mapped twice: on " + device.path + " and " + (*found)[1].path};
  parts_.events.watch(device.path, call.key.volume);
  return {Standing::Up, facts_of(device),
          device.is_leaving ? "`losetup -d " + device.path + "` was run: it will be detached when nothing uses it any more" : ""};
}

Survey LoopMap::survey(Time) {
  const auto devices = loop::all();
  if (!devices.ok()) return unanswered();
  Survey found;
  for (const auto& device : *devices) {
    if (!device.mark.starts_with(kDeviceMarkPrefix)) continue;
    const auto volume = parts_.volume_of(device);
    if (!volume || device.mark != device_mark(parts_.owner, *volume)) continue;
    found.push_back({.key = {*volume, TargetId(std::string(kTarget))},
                     .kind = rungs::kMap,
                     .facts = facts_of(device),
                     .what = "loop device " + device.path + " over " + device.file});
  }
  return found;
}

bool LoopMap::is_ours(const AttachmentKey& key, const std::string& device) const {
  const auto found = loop::at(device);
  return key.target.str() == kTarget && found.ok() && *found && (*found)->mark == device_mark(parts_.owner, key.volume);
}

// By the record, without querying all devices of the host; if there is no record, by querying all.
Result<std::vector<LoopDevice>> LoopMap::ours(const Call& call) const {
  const auto recorded = TRY(loop::at(fact(call.before, roles::kDevicePath)));
  const bool is_it = recorded && recorded->mark == device_mark(parts_.owner, call.key.volume) && is_over_held_file(*recorded, call);
  if (is_it) return std::vector<LoopDevice>{*recorded};
  return every_one_of_ours(call);
}

// A recorded device without a node may be ours.
Result<std::vector<LoopDevice>> LoopMap::every_one_of_ours(const Call& call) const {
  const auto mark = device_mark(parts_.owner, call.key.volume);
  const auto file = held_file(call);
  auto found = TRY(file ? loop::on(file->device) : loop::all());
  for (const auto& device : found) {
    if (device.has_node || device.path != fact(call.before, roles::kDevicePath)) continue;
    auto numbers = device.number;
    std::ranges::replace(numbers, ':', ' ');
    return no_effect(Code::Unavailable,
                     "the device node " + device.path + " is missing: run `mknod " + device.path + " b " + numbers + "`");
  }
  std::erase_if(found, [&](const auto& device) { return device.mark != mark; });
  return found;
}

Result<Facts> LoopMap::unmap(const Call& call, const LoopDevice& device) {
  parts_.events.unwatch(device.path);  // no events for our own changes
  auto gone = run(call, "loop-unmap", {{"device", device.path}}, "detaching " + device.path);
  if (!gone.ok()) parts_.events.watch(device.path, call.key.volume);  // it may still be there
  return gone;
}

Result<Facts> LoopMap::run(const Call& call, const std::string& verb, Facts arguments, const std::string& what) {
  arguments["mark"] = device_mark(parts_.owner, call.key.volume);
  return blockplug::run(parts_.helper, call, verb, std::move(arguments), what);
}

}  // namespace blockplug
