// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_mount.h"

#include <algorithm>

#include "hotplug/guest/agent.h"
#include "hotplug/guest/guest_disk.h"
#include "hotplug/guest/guest_format.h"
#include "hotplug/guest/guest_mounts.h"
#include "hotplug/guest/guest_steps.h"

namespace blockplug {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr milliseconds kSeenSoon{200};
constexpr seconds kBusyLook{2};
constexpr int kMostLayers = 8;  // of our disk over itself at one path

std::string fact(const Facts& facts, const char* name) {
  const auto found = facts.find(name);
  return found == facts.end() ? std::string{} : found->second;
}

std::int64_t size_fact(const Facts& facts) { return std::atoll(fact(facts, "size_bytes").c_str()); }

Result<Agent> connect(const Reach& reached, const Call& call) {
  return Agent::connect({reached.vm->id(), reached.vm->agent_socket()}, call.deadline, call.stop);
}

// A guest that does not run answers nothing.
std::optional<std::string> why_silent(const Vm& vm) {
  const auto sight = vm.sight();
  if (sight.run_state.empty() || sight.run_state == "running") return std::nullopt;
  return "VM " + vm.id() + " is " + sight.run_state + "; its guest agent answers when it runs";
}

// The mount at the leaf's path, as far as it is ours. A disk that is not plugged any more is known by the name that it had.
struct Place {
  const GuestMountEntry* top{};  // nullptr: nothing is mounted there
  bool is_ours{};                // top is
  bool is_covered{};             // ours is there, below top
};
Place place_at(const GuestMounts& mounts, const std::string& path, const std::optional<GuestDisk>& disk, const Facts& before) {
  const std::string source = fact(before, "disk");
  const auto is_ours = [&](const GuestMountEntry& mount) {
    return disk ? mount.number == disk->number : !source.empty() && mount.source == source;
  };
  Place place{.top = topmost_at(mounts, path)};
  place.is_ours = place.top != nullptr && is_ours(*place.top);
  place.is_covered =
      !place.is_ours && std::ranges::any_of(mounts, [&](const auto& mount) { return mount.path == path && is_ours(mount); });
  return place;
}

// A disk of somebody else in our place is none of ours.
bool is_stranger(const GuestDisk& disk, const Call& call) {
  const std::string serial = fact(call.below, "plug.serial");
  return !serial.empty() && !disk.serial.empty() && disk.serial != serial;
}

Result<std::optional<GuestDisk>> find_ours(Agent& agent, const Call& call) {
  const auto place = place_of(call.below);
  if (!place) return std::optional<GuestDisk>{};
  auto disk = TRY(find_disk(agent, *place));
  if (disk && is_stranger(*disk, call)) disk.reset();
  return disk;
}

bool is_writable_as_wished(const GuestMountEntry& mount, const Call& call) {
  const bool is_read_only = mount.is_read_only || mount.is_filesystem_read_only;
  return is_read_only == (access_of(call) == Access::ReadOnly);
}

std::string occupied(const GuestMountEntry& top) {
  return "something else (" + top.filesystem + " of " + top.source + ") is mounted at " + top.path +
         " in the guest: unmount it there, or ask for another path";
}

// The same file system, whole, at another path.
const GuestMountEntry* elsewhere_of(const GuestMounts& mounts, const GuestDisk& disk) {
  const auto found =
      std::ranges::find_if(mounts, [&](const auto& mount) { return mount.number == disk.number && mount.root == "/"; });
  return found == mounts.end() ? nullptr : &*found;
}

Status check_filesystem(const GuestMountEntry& mounted, const Call& call) {
  const auto& wished = call.leaf->filesystem;
  if (wished.empty() || wished == "auto" || wished == mounted.filesystem) return Ok{};
  return no_effect(Code::FailedPrecondition,
                   "the volume has an " + mounted.filesystem + " file system, and " + wished + " is wished");
}

// One raise, once the disk is found.
class Raising {
 public:
  Raising(Agent& agent, const Call& call, const GuestDisk& disk, Facts facts)
      : agent_(agent), call_(call), disk_(disk), facts_(std::move(facts)) {}

  Attempt run(FormatRecords& records) {
    const auto mounts = TRY(read_guest_mounts(agent_));
    const auto place = place_at(mounts, call_.rung.leaf, disk_, call_.before);
    if (place.is_ours) return keep(*place.top);
    if (place.top != nullptr) return no_effect(Code::FailedPrecondition, occupied(*place.top));
    missing_ = TRY(first_missing(agent_, call_.rung.leaf));
    TRY(check_mount_point(agent_, call_.rung.leaf, missing_));
    const auto* elsewhere = elsewhere_of(mounts, disk_);
    if (elsewhere != nullptr) {
      TRY(check_filesystem(*elsewhere, call_));
      return mount({elsewhere->filesystem, size_fact(call_.before)}, elsewhere);
    }
    auto prepared = prepare(agent_, disk_, call_, records);
    if (auto* waiting = std::get_if<Waiting>(&prepared)) return std::move(*waiting);
    if (auto* error = std::get_if<Error>(&prepared)) return std::move(*error);
    return mount(std::get<Prepared>(prepared), nullptr);
  }

 private:
  Attempt keep(const GuestMountEntry& mounted) {
    TRY(check_filesystem(mounted, call_));
    if (!is_writable_as_wished(mounted, call_)) TRY(remount(agent_, mounted, call_));
    return finish(mounted.filesystem, size_fact(call_.before));
  }

  Attempt mount(const Prepared& prepared, const GuestMountEntry* elsewhere) {
    const std::string& path = call_.rung.leaf;
    std::string made = fact(call_.before, "made");
    if (made.empty()) made = missing_;
    if (!made.empty()) facts_["made"] = made;
    TRY(call_.journal.keep(facts_));
    TRY(make_directory(agent_, path));
    if (auto mounted = mount_at(agent_, disk_, prepared.filesystem, elsewhere, call_); !mounted) {
      if (mounted.error().effect == Effect::None) remove_directories(agent_, path, made);
      return std::move(mounted).error();
    }
    const bool is_as_large = elsewhere == nullptr && prepared.size_bytes == 0;
    return finish(prepared.filesystem, is_as_large ? call_.spec.size_bytes : prepared.size_bytes);
  }

  // `grown_to`: what the file system is known to have; 0: not known.
  Attempt finish(const std::string& filesystem, std::int64_t grown_to) {
    constexpr std::int64_t kRounding = 1 << 20;  // a file system ends with its last whole block or group
    const bool may_grow = access_of(call_) == Access::ReadWrite && grown_to != call_.spec.size_bytes;
    if (may_grow && (grown_to == 0 || call_.spec.size_bytes - grown_to >= kRounding || size_fact(call_.before) != 0))
      TRY(grow(agent_, disk_, filesystem, call_.rung.leaf));
    facts_["disk"] = disk_.path;
    facts_["filesystem"] = filesystem;
    facts_["size_bytes"] = std::to_string(call_.spec.size_bytes);
    return Done{facts_};
  }

  Agent& agent_;
  const Call& call_;
  const GuestDisk& disk_;
  Facts facts_;
  std::string missing_;  // the first directory that is not there yet
};

std::string with_way_out(const std::string& why) {
  return why + " (or detach with --force, which pulls the disk without unmounting it)";
}
}  // namespace

Status check_guest_path(const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    const bool is_printable = std::ranges::all_of(path, [](unsigned char letter) { return letter >= 0x20 && letter != 0x7f; });
    return no_effect(Code::InvalidArgument, "guest path " + (is_printable ? "'" + path.substr(0, 200) + "' " : "") + why);
  };
  if (path.empty() || path.front() != '/') return refuse("is not absolute: it begins with a slash");
  if (path == "/") return refuse("is the guest's root");
  if (path.size() > 1024) return refuse("is longer than 1,024 bytes");
  if (path.back() == '/') return refuse("ends with a slash");
  if (std::ranges::any_of(path, [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; }))
    return refuse("has a character that is not printable");
  const std::string closed = path + "/";
  for (const char* part : {"//", "/./", "/../"})
    if (closed.find(part) != std::string::npos) return refuse("has '.', '..' or an empty part in it");
  return Ok{};
}

Attempt GuestMount::raise(const Call& call) {
  TRY(check_guest_path(call.rung.leaf));
  TRY(mount_options(call));
  const Reach reached = reach(vms_, call);
  if (reached.kind != Reach::Kind::Ready) return Waiting{reached.why, std::nullopt};
  if (auto why = why_silent(*reached.vm)) return Waiting{*why, std::nullopt};
  const auto place = place_of(call.below);
  if (!place) return no_effect(Code::Internal, "Plug has not said where the disk is (plug.pci)");

  Agent agent = TRY(connect(reached, call));
  const auto disk = TRY(find_disk(agent, *place));
  if (!disk) return Waiting{"the guest has not seen the disk yet", Clock::now() + kSeenSoon};
  if (is_stranger(*disk, call))
    return no_effect(Code::FailedPrecondition, disk->path + " in the guest, where the disk should be, has serial '" + disk->serial +
                                                   "' and not '" + fact(call.below, "plug.serial") + "': it is not mounted");
  constexpr std::int64_t kSector = 512;
  if (disk->size_bytes / kSector < call.spec.size_bytes / kSector)
    return Waiting{"the guest has not seen the disk's new size yet", Clock::now() + kSeenSoon};
  Facts facts;
  put_facts(reached.process, facts);
  if (const auto made = fact(call.before, "made"); !made.empty()) facts["made"] = made;
  return Raising(agent, call, *disk, std::move(facts)).run(records_);
}

Attempt GuestMount::lower(const Call& call) {
  if (call.because == Because::Forced) return Done{};
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return Done{};
  if (reached.kind == Reach::Kind::Uncertain) return Waiting{reached.why, std::nullopt};
  const auto recorded = process_from_facts(call.before, "");
  if (recorded && *recorded != reached.process) return Done{};  // a guest's mounts go with its VM
  if (auto why = why_silent(*reached.vm)) return Waiting{with_way_out(*why), std::nullopt};
  auto agent = connect(reached, call);
  if (!agent) {
    agent.error().message = with_way_out(agent.error().message);
    return std::move(agent).error();
  }

  const std::string& path = call.rung.leaf;
  const auto disk = TRY(find_ours(*agent, call));
  for (int layer = 0; layer < kMostLayers; ++layer) {
    const auto mounts = TRY(read_guest_mounts(*agent));
    const auto place = place_at(mounts, path, disk, call.before);
    if (!place.is_ours && !place.is_covered) {
      remove_directories(*agent, path, fact(call.before, "made"));
      return Done{};
    }
    std::string why = place.is_covered ? with_way_out(occupied(*place.top)) : std::string{};
    if (place.is_ours && TRY(unmount(*agent, path, why))) continue;
    if (call.because == Because::Hole) return no_effect(Code::FailedPrecondition, why);
    return Waiting{why, Clock::now() + kBusyLook};
  }
  return no_effect(Code::Unavailable, path + " in the guest is mounted again as often as it is unmounted");
}

Finding GuestMount::probe(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return {Standing::Down, {}, reached.why};
  if (reached.kind == Reach::Kind::Uncertain) return {Standing::Unknown, {}, reached.why};
  const auto recorded = process_from_facts(call.before, "");
  if (recorded && *recorded != reached.process) return {Standing::Down, {}, "the VM was started anew"};
  if (auto why = why_silent(*reached.vm)) return {Standing::Unknown, {}, *why};
  auto agent = connect(reached, call);
  if (!agent) return {Standing::Unknown, {}, agent.error().message};
  const auto disk = find_ours(*agent, call);
  if (!disk) return {Standing::Unknown, {}, disk.error().message};
  const auto mounts = read_guest_mounts(*agent);
  if (!mounts) return {Standing::Unknown, {}, mounts.error().message};

  const auto place = place_at(*mounts, call.rung.leaf, *disk, call.before);
  const bool is_formatting = call.before.contains("formatting");  // it must not be forgotten what this life of the rung may resume
  if (place.top == nullptr && is_formatting) return {Standing::Partial, {}, "an earlier attempt was cut short"};
  if (place.top == nullptr) return {Standing::Down, {}, {}};
  Facts facts = call.before;
  facts.erase("formatting");  // what is mounted is not formatted any more
  if (place.is_covered) return {Standing::Partial, facts, occupied(*place.top)};
  if (!place.is_ours) return {Standing::Foreign, {}, occupied(*place.top)};
  put_facts(reached.process, facts);
  facts["disk"] = *disk ? (*disk)->path : fact(call.before, "disk");
  facts["filesystem"] = place.top->filesystem;
  if (call.leaf == nullptr) return {Standing::Up, facts, {}};  // nobody wishes it any more, so it cannot be other than wished
  if (!is_writable_as_wished(*place.top, call))
    return {Standing::Stale, facts,
            "it is mounted " + std::string(access_of(call) == Access::ReadOnly ? "for writing" : "read-only")};
  if (access_of(call) == Access::ReadWrite && size_fact(call.before) < call.spec.size_bytes)
    return {Standing::Stale, facts, "the file system is smaller than wished"};
  return {Standing::Up, facts, {}};
}

}  // namespace blockplug
