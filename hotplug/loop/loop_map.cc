// SPDX-License-Identifier: Apache-2.0
#include "hotplug/loop/loop_map.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "hotplug/helper/helper_call.h"
#include "hotplug/loop/loop_map_users.h"
#include "hotplug/names.h"

namespace blockplug {
namespace {
using loop::LoopDevice;

constexpr std::string_view kMark = "bp-";
constexpr std::string_view kTarget = "host";

std::string fact(const Facts& facts, std::string_view name) {
  const auto found = facts.find(name);
  return found == facts.end() ? std::string{} : found->second;
}

// "file:<device>:<inode>"
struct File {
  dev_t device{};
  ino_t inode{};
};
std::optional<File> held_file(const Call& call) {
  const auto image = fact(call.below, "hold.image");
  const auto* end = image.data() + image.size();
  if (!image.starts_with("file:")) return std::nullopt;
  File file;
  const auto device = std::from_chars(image.data() + 5, end, file.device);
  if (device.ec != std::errc{} || device.ptr == end || *device.ptr != ':') return std::nullopt;
  const auto inode = std::from_chars(device.ptr + 1, end, file.inode);
  return inode.ec == std::errc{} && inode.ptr == end ? std::optional{file} : std::nullopt;
}

// Where nothing is held just now the mark alone must do.
bool is_over_held_file(const LoopDevice& device, const Call& call) {
  const auto file = held_file(call);
  return !file || (device.file_device == file->device && device.file_inode == file->inode);
}

std::int64_t wished_bytes(const Call& call) { return call.spec.size_bytes / 512 * 512; }  // the kernel drops the rest, too

const char* to_text(Access access) { return access == Access::ReadOnly ? "read-only" : "read-write"; }

// Why it is not as it must be; empty: it is.
std::string flaw_of(const LoopDevice& device, const Call& call) {
  if (!is_over_held_file(device, call)) return device.path + " is over another file than the one that is held: " + device.file;
  if (device.access != call.spec.access)
    return device.path + " is mapped " + to_text(device.access) + ", wished is " + to_text(call.spec.access);
  if (device.size_bytes >= wished_bytes(call)) return {};
  return device.path + " has " + std::to_string(device.size_bytes) + " bytes, wished are " + std::to_string(wished_bytes(call));
}

Facts facts_of(const LoopDevice& device) {
  return {{"device", device.path},
          {"number", device.number},
          {"size_bytes", std::to_string(device.size_bytes)},
          {"direct", device.is_direct ? "true" : "false"}};
}

Finding not_there(const Call& call) {
  const auto path = fact(call.before, "device");
  if (path.empty()) return {Standing::Down, {}, {}};
  const auto now = loop::at(path);
  if (!now.ok()) return {Standing::Unknown, {}, now.error().message};
  if (!*now) return {Standing::Down, {}, "nothing is mapped on " + path + " any more: somebody detached it"};
  return {Standing::Down, {}, path + " is not ours any more: somebody mapped " + (*now)->file + " on it"};
}

Attempt still_used(const Call& call, const LoopDevice& device) {
  const auto text = device.path + " is still in use by " + users_of(device);
  if (call.because == Because::Hole) return no_effect(Code::FailedPrecondition, text);
  return Waiting{text, Clock::now() + std::chrono::seconds(1)};
}
}  // namespace

std::string loop_mark(const std::string& owner, const VolumeId& volume) {
  return std::string(kMark) + hash_text(owner + "\n" + volume.str());
}

// By the record, without asking all devices of the host; by asking them all where it is not there.
Result<std::vector<LoopDevice>> LoopMap::ours(const Call& call) const {
  const auto recorded = TRY(loop::at(fact(call.before, "device")));
  const bool is_it = recorded && recorded->mark == loop_mark(parts_.owner, call.key.volume) && is_over_held_file(*recorded, call);
  if (is_it) return std::vector<LoopDevice>{*recorded};
  return every_one_of_ours(call);
}

// A recorded device that cannot be asked may be one.
Result<std::vector<LoopDevice>> LoopMap::every_one_of_ours(const Call& call) const {
  const auto mark = loop_mark(parts_.owner, call.key.volume);
  const auto file = held_file(call);
  auto found = TRY(file ? loop::on(file->device) : loop::all());
  for (const auto& device : found) {
    if (device.has_node || device.path != fact(call.before, "device")) continue;
    auto numbers = device.number;
    std::ranges::replace(numbers, ':', ' ');
    return no_effect(Code::Unavailable,
                     "the device node " + device.path + " was removed: run `mknod " + device.path + " b " + numbers + "`");
  }
  std::erase_if(found, [&](const auto& device) { return device.mark != mark; });
  return found;
}

Result<Facts> LoopMap::run(const Call& call, const std::string& verb, Facts arguments, const std::string& what) {
  arguments["mark"] = loop_mark(parts_.owner, call.key.volume);
  return blockplug::run(parts_.helper, call, verb, std::move(arguments), what);
}

Result<Facts> LoopMap::unmap(const Call& call, const LoopDevice& device) {
  parts_.events.unwatch(device.path);  // what we do ourselves is no news
  return run(call, "loop-unmap", {{"device", device.path}}, "detaching " + device.path);
}

Result<LoopDevice> LoopMap::map(const Call& call) {
  const auto file = held_file(call);
  const auto path = fact(call.below, "hold.path");
  if (!file || path.empty()) return no_effect(Code::FailedPrecondition, "nothing to map: the hold below says no file");
  const auto facts = TRY(run(call, "loop-map",
                             {{"file", path},
                              {"device", std::to_string(file->device)},
                              {"inode", std::to_string(file->inode)},
                              {"access", call.spec.access == Access::ReadOnly ? "ro" : "rw"},
                              {"direct", fact(call.below, "hold.direct") == "true" ? "true" : "false"}},
                             "mapping " + path));
  const auto device = TRY(loop::at(fact(facts, "device")));
  if (device) return *device;
  return maybe_effect(Code::Unavailable, fact(facts, "device") + " was detached by somebody as soon as it was mapped: try again");
}

Result<LoopDevice> LoopMap::grow(const Call& call, const LoopDevice& device) {
  TRY(run(call, "loop-resize", {{"device", device.path}}, "growing " + device.path));
  const auto grown = TRY(loop::at(device.path));
  if (!grown) return maybe_effect(Code::Unavailable, device.path + " was detached by somebody while it grew: try again");
  if (const auto flaw = flaw_of(*grown, call); !flaw.empty())
    return maybe_effect(Code::FailedPrecondition,
                        flaw + ": the file " + grown->file + " is smaller than the volume, expand the volume");
  return *grown;
}

Attempt LoopMap::up(const Call& call, const LoopDevice& device) {
  parts_.events.watch(device.path, call.key.volume);
  return Done{facts_of(device)};
}

Attempt LoopMap::raise(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  for (const auto& [name, value] : call.spec.limits)
    if (value != 0)
      return no_effect(Code::FailedPrecondition, "the volume is limited (" + name + "), which a loop device cannot do: attach it to a VM, or take " +
                                                     "its limits away (`blockplug volume modify " + call.key.volume.str() +
                                                     " --iops 0 --bytes-per-second 0`)");
  const auto found = ours(call);
  if (!found.ok()) return found.error();
  std::optional<LoopDevice> kept;
  bool is_changed = false;
  for (const auto& device : *found) {
    if (!kept && device.access == call.spec.access && is_over_held_file(device, call)) {
      kept = device;
      continue;
    }
    const auto gone = unmap(call, device);
    if (!gone.ok()) return gone.error().code == Code::FailedPrecondition ? still_used(call, device) : Attempt{gone.error()};
    is_changed = true;
  }
  auto device = kept ? Result<LoopDevice>{*kept} : map(call);
  if (device.ok() && device->size_bytes < wished_bytes(call)) device = grow(call, *device);
  if (device.ok()) return up(call, *device);
  if (is_changed) device.error().effect = Effect::Unknown;
  return device.error();
}

Attempt LoopMap::lower(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  const auto found = every_one_of_ours(call);
  if (!found.ok()) return found.error();
  for (const auto& device : *found) {
    const auto gone = unmap(call, device);
    if (gone.ok()) continue;
    parts_.events.watch(device.path, call.key.volume);
    return gone.error().code == Code::FailedPrecondition ? still_used(call, device) : Attempt{gone.error()};
  }
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
    return {Standing::Stale, facts_of(device), "it is mapped twice, on " + device.path + " and " + (*found)[1].path};
  parts_.events.watch(device.path, call.key.volume);
  return {Standing::Up, facts_of(device),
          device.is_leaving ? "somebody ran `losetup -d " + device.path + "`: it goes with its last user" : ""};
}

bool LoopMap::is_ours(const AttachmentKey& key, const std::string& device) const {
  const auto found = loop::at(device);
  return key.target.str() == kTarget && found.ok() && *found && (*found)->mark == loop_mark(parts_.owner, key.volume);
}

std::vector<Found> LoopMap::survey() {
  std::vector<Found> found;
  const auto devices = loop::all();
  if (!devices.ok()) return found;
  for (const auto& device : *devices) {
    if (!device.mark.starts_with(kMark)) continue;
    const auto volume = parts_.volume_of(device);
    if (!volume || device.mark != loop_mark(parts_.owner, *volume)) continue;
    found.push_back({.key = {*volume, TargetId(std::string(kTarget))},
                     .kind = RungKind::Map,
                     .facts = facts_of(device),
                     .what = "loop device " + device.path + " over " + device.file});
  }
  return found;
}

}  // namespace blockplug
