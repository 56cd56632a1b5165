// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_mount.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attach-detach/number.h"
#include "attach-detach/printable.h"
#include "attach-detach/roles.h"
#include "hotplug/guest/agent.h"
#include "hotplug/guest/guest_disk.h"
#include "hotplug/guest/guest_format.h"
#include "hotplug/guest/guest_mounts.h"
#include "hotplug/guest/guest_steps.h"
#include "hotplug/vm/names.h"
#include "hotplug/vm/throttled_node.h"

namespace blockplug {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr milliseconds kFirstLook{10}, kLastLook{160};  // for the disk, after it was plugged or grown
constexpr milliseconds kSeenLater{700};
constexpr seconds kBusyLook{2}, kStorageLook{5};
constexpr int kMostLayers = 8;  // of mounts of our disk on top of each other

std::int64_t size_fact(const Facts& facts) { return number_fact(facts, roles::kMountSizeBytes); }

bool is_as_large(const GuestDisk& disk, const Call& call) {
  constexpr std::int64_t kSector = 512;
  return disk.size_bytes / kSector >= call.spec.size_bytes / kSector;
}

Result<Agent> connect(const Reach& reached, const Call& call) {
  return Agent::connect({reached.vm->id(), reached.vm->agent_socket()}, call.deadline, call.stop);
}

// A guest that is not running cannot answer.
std::optional<std::string> why_silent(const Vm& vm) {
  const auto sight = vm.sight();
  if (sight.run_state.empty() || sight.run_state == "running") return std::nullopt;
  return "VM " + vm.id() + " is " + sight.run_state + "; its guest agent answers only while it is running";
}

// The mount at the leaf's path, if it is ours. A disk that is no longer plugged is identified by its recorded name.
struct Place {
  const MountEntry* top{};  // nullptr: nothing is mounted there
  bool is_ours{};           // top is
  bool is_covered{};        // ours is there, below top
  std::string hidden{};     // ours is top, and a mount above it hides it: by what
};
Place place_at(const GuestMounts& mounts, const std::string& path, const std::optional<GuestDisk>& disk, const Facts& before) {
  const std::string source = fact(before, roles::kGuestDisk);
  const auto is_ours = [&](const MountEntry& mount) {
    return disk ? mount.number == disk->number : !source.empty() && mount.source == source;
  };
  Place place{.top = topmost_at(mounts, path)};
  place.is_ours = place.top != nullptr && is_ours(*place.top);
  place.is_covered =
      !place.is_ours && std::ranges::any_of(mounts, [&](const auto& mount) { return mount.path == path && is_ours(mount); });
  if (const auto* hider = place.is_ours ? hider_of(mounts, *place.top) : nullptr)
    place.hidden = path + " in the guest is " + hidden_text(*hider);
  return place;
}

// A guest sees a new disk, or its new size, within milliseconds, or when its driver is there.
Result<std::optional<GuestDisk>> await_disk(Agent& agent, const DiskPlace& place, const Call& call) {
  for (auto look = kFirstLook;; look *= 2) {
    auto disk = TRY(find_disk(agent, place));
    if ((disk && is_as_large(*disk, call)) || look > kLastLook) return disk;
    TRY(agent.pause(look));
  }
}

// Another disk at our address is not ours.
bool is_stranger(const GuestDisk& disk, const Call& call) {
  const std::string serial = fact(call.below, roles::kGuestSerial);
  return !serial.empty() && !disk.serial.empty() && disk.serial != serial;
}

Result<std::optional<GuestDisk>> find_ours(Agent& agent, const Call& call) {
  const auto place = place_of(call.below);
  if (!place) return std::optional<GuestDisk>{};
  // Where it was before, if the disk of that name has our serial: no two volumes have the same.
  const std::string serial = fact(call.below, roles::kGuestSerial), before = fact(call.before, roles::kGuestDisk);
  if (!serial.empty() && !before.empty())
    if (auto disk = TRY(read_disk(agent, *place, before)); disk && disk->serial == serial) return disk;
  auto disk = TRY(find_disk(agent, *place));
  if (disk && is_stranger(*disk, call)) disk.reset();
  return disk;
}

bool is_writable_as_desired(const MountEntry& mount, const Call& call) {
  return mount.is_read_only() == (access_of(call) == Access::ReadOnly);
}

std::string occupied(const MountEntry& top) {
  return "something else (" + printable(top.filesystem) + " of " + printable(top.source) + ") is mounted at " + top.path +
         " in the guest: unmount it there, or use another path";
}

// The same file system (not a subdirectory) at another path.
const MountEntry* elsewhere_of(const GuestMounts& mounts, const GuestDisk& disk) {
  const auto found =
      std::ranges::find_if(mounts, [&](const auto& mount) { return mount.number == disk.number && mount.root == "/"; });
  return found == mounts.end() ? nullptr : &*found;
}

Status check_filesystem(const MountEntry& mounted, const Call& call) {
  const auto& desired = call.leaf->filesystem;
  if (desired.empty() || desired == "auto" || desired == mounted.filesystem) return Ok{};
  return no_effect(Code::FailedPrecondition,
                   "the volume has an " + mounted.filesystem + " file system, but " + desired + " was requested");
}

// The throttle group in the VM. If the daemon dies while they are lifted, Open's probe sees the difference.
class LimitsInVm final : public DiskLimits {
 public:
  LimitsInVm(Vm& vm, const Call& call) : vm_(vm), call_(call) {}
  Status lift() override { return put({}); }
  Status apply() override { return put(limits_of(call_.spec)); }

 private:
  Status put(const ThrottleLimits& limits) {
    constexpr seconds kAnswerLimit{5};  // also after the call's deadline: mkfs may have taken all of it
    if (limits_of(call_.spec) == ThrottleLimits{}) return Ok{};
    auto reply = vm_.execute("qom-set", new_limits(call_.key.volume, limits), std::max(call_.deadline, Clock::now() + kAnswerLimit),
                             call_.operation);
    if (!reply.ok()) return within("the limits of the disk", std::move(reply).error());
    const auto group = device_id(call_.key.volume);
    vm_.change_inventory([group, limits](Inventory& changed) { changed.throttle_groups[group] = limits; });
    return Ok{};
  }

  Vm& vm_;
  const Call& call_;
};

// One raise, after the disk was found.
class Raising {
 public:
  Raising(Agent& agent, Vm& vm, const Call& call, const GuestDisk& disk, Facts facts)
      : agent_(agent), limits_(vm, call), call_(call), disk_(disk), facts_(std::move(facts)) {}

  Attempt run(FormatRecords& records) {
    const auto mounts = TRY(read_guest_mounts(agent_));
    const auto place = place_at(mounts, call_.rung.leaf, disk_, call_.before);
    if (!place.hidden.empty()) return no_effect(Code::FailedPrecondition, place.hidden);
    if (place.is_ours) return keep(*place.top);
    if (place.top != nullptr) return no_effect(Code::FailedPrecondition, occupied(*place.top));
    missing_ = TRY(check_mount_point(agent_, call_.rung.leaf));
    const auto* elsewhere = elsewhere_of(mounts, disk_);
    if (elsewhere != nullptr) {
      TRY(check_filesystem(*elsewhere, call_));
      return mount({elsewhere->filesystem, size_fact(call_.before)}, elsewhere);
    }
    // An earlier attempt may have ended before it applied them again.
    if (call_.before.contains(roles::kMountFormatting)) TRY(limits_.apply());
    auto prepared = prepare(agent_, disk_, call_, records, limits_);
    if (auto* waiting = std::get_if<Waiting>(&prepared)) return std::move(*waiting);
    if (auto* error = std::get_if<Error>(&prepared)) return std::move(*error);
    return mount(std::get<Prepared>(prepared), nullptr);
  }

 private:
  Attempt keep(const MountEntry& mounted) {
    TRY(check_filesystem(mounted, call_));
    if (!is_writable_as_desired(mounted, call_)) TRY(remount(agent_, mounted, call_));
    return finish(mounted.filesystem, size_fact(call_.before));
  }

  Attempt mount(const Prepared& prepared, const MountEntry* elsewhere) {
    const std::string& path = call_.rung.leaf;
    std::string made = fact(call_.before, roles::kMountMade);
    if (made.empty()) made = missing_;
    if (!made.empty()) facts_[roles::kMountMade] = made;
    TRY(call_.journal.keep(facts_));
    if (!missing_.empty()) TRY(make_directory(agent_, path));
    if (auto mounted = mount_at(agent_, disk_, prepared.filesystem, elsewhere, call_, prepared.if_refused); !mounted) {
      if (mounted.error().effect == Effect::None) remove_directories(agent_, path, made);
      return std::move(mounted).error();
    }
    const bool is_as_large = elsewhere == nullptr && prepared.size_bytes == 0;
    return finish(prepared.filesystem, is_as_large ? call_.spec.size_bytes : prepared.size_bytes);
  }

  // `grown_to`: the file system's known size; 0: unknown.
  Attempt finish(const std::string& filesystem, std::int64_t grown_to) {
    constexpr std::int64_t kRounding = 1 << 20;  // a file system ends with its last whole block or group
    const bool may_grow = access_of(call_) == Access::ReadWrite && grown_to != call_.spec.size_bytes;
    if (may_grow && (grown_to == 0 || call_.spec.size_bytes - grown_to >= kRounding || size_fact(call_.before) != 0))
      TRY(grow(agent_, disk_, filesystem, call_.rung.leaf));
    facts_[roles::kGuestDisk] = disk_.path;
    facts_[roles::kMountFilesystem] = filesystem;
    facts_[roles::kMountSizeBytes] = std::to_string(call_.spec.size_bytes);
    return Done{facts_};
  }

  Agent& agent_;
  LimitsInVm limits_;
  const Call& call_;
  const GuestDisk& disk_;
  Facts facts_;
  std::string missing_;  // the first directory to create
};

std::string with_way_out(const std::string& why) {
  return why + " (or detach with --force, which unplugs the disk without unmounting it)";
}
}  // namespace

Status check_guest_path(const std::string& path) {
  const auto refuse = [&](const std::string& why) {
    const bool is_printable = std::ranges::all_of(path, [](unsigned char letter) { return letter >= 0x20 && letter != 0x7f; });
    return no_effect(Code::InvalidArgument, "guest path " + (is_printable ? "'" + path.substr(0, 200) + "' " : "") + why);
  };
  if (path.empty() || path.front() != '/') return refuse("is not absolute: it must begin with a slash");
  if (path == "/") return refuse("is the guest's root");
  if (path.size() > 1024) return refuse("is longer than 1,024 bytes");
  if (path.back() == '/') return refuse("ends with a slash");
  if (std::ranges::any_of(path, [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; }))
    return refuse("contains an unprintable character");
  const std::string closed = path + "/";
  for (const char* part : {"//", "/./", "/../"})
    if (closed.find(part) != std::string::npos) return refuse("contains '.', '..' or an empty part");
  return Ok{};
}

Attempt GuestMount::raise(const Call& call) {
  TRY(check_guest_path(call.rung.leaf));
  TRY(mount_options(call));
  const Reach reached = reach(vms_, call);
  if (reached.kind != Reach::Kind::Ready) return Waiting{reached.why, std::nullopt};
  if (auto why = why_silent(*reached.vm)) return Waiting{*why, std::nullopt};
  // An agent that reads a disk which does not answer hangs with it, and serves no other volume of its guest.
  if (const auto answers = reached.vm->storage_answers(call.key.volume); !answers.ok())
    return Waiting{answers.error().message, Clock::now() + kStorageLook};
  const auto place = place_of(call.below);
  if (!place) return no_effect(Code::Internal, "the disk's address is unknown (guest.pci)");

  Agent agent = TRY(connect(reached, call));
  const auto disk = TRY(await_disk(agent, *place, call));
  if (!disk) return Waiting{"the guest has not seen the disk yet", Clock::now() + kSeenLater};
  if (is_stranger(*disk, call))
    return no_effect(Code::FailedPrecondition, disk->path + " in the guest, at the disk's address, has serial '" + disk->serial +
                                                   "', expected '" + fact(call.below, roles::kGuestSerial) +
                                                   "': it is not mounted");
  if (!is_as_large(*disk, call)) return Waiting{"the guest has not seen the disk's new size yet", Clock::now() + kSeenLater};
  Facts facts;
  put_facts(reached.process, facts);
  if (const auto made = fact(call.before, roles::kMountMade); !made.empty()) facts[roles::kMountMade] = made;
  return Raising(agent, *reached.vm, call, *disk, std::move(facts)).run(records_);
}

Attempt GuestMount::lower(const Call& call) {
  if (call.lower_reason == LowerReason::Forced) return Done{};
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return Done{};
  if (reached.kind == Reach::Kind::Uncertain) return Waiting{reached.why, std::nullopt};
  const auto recorded = process_from_facts(call.before);
  if (recorded && *recorded != reached.process) return Done{};  // a guest's mounts end with its VM
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
      remove_directories(*agent, path, fact(call.before, roles::kMountMade));
      return Done{};
    }
    std::string why = place.is_covered        ? with_way_out(occupied(*place.top))
                      : !place.hidden.empty() ? with_way_out(place.hidden)
                                              : std::string{};
    if (why.empty() && TRY(unmount(*agent, path, why))) continue;
    if (call.lower_reason == LowerReason::GapBelow) return no_effect(Code::FailedPrecondition, why);
    return Waiting{why, Clock::now() + kBusyLook};
  }
  return no_effect(Code::Unavailable, path + " in the guest keeps being mounted again by something else: stop that");
}

Finding GuestMount::probe(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return {Standing::Down, {}, reached.why};
  if (reached.kind == Reach::Kind::Uncertain) return {Standing::Unknown, {}, reached.why};
  const auto recorded = process_from_facts(call.before);
  if (recorded && *recorded != reached.process) return {Standing::Down, {}, "the VM was restarted"};
  const bool has_disk = place_of(call.below) || !fact(call.before, roles::kGuestDisk).empty();
  if (!has_disk && !call.before.contains(roles::kMountFormatting)) return {Standing::Down, {}, "no disk of it is plugged"};
  if (auto why = why_silent(*reached.vm)) return {Standing::Unknown, {}, *why};
  auto agent = connect(reached, call);
  if (!agent) return {Standing::Unknown, {}, agent.error().message};
  const auto disk = find_ours(*agent, call);
  if (!disk) return {Standing::Unknown, {}, disk.error().message};
  const auto mounts = tables_.since(call.must_be_read_since(), call.key.target, [&] { return read_guest_mounts(*agent); });
  if (!mounts) return {Standing::Unknown, {}, mounts.error().message};

  const auto place = place_at(**mounts, call.rung.leaf, *disk, call.before);
  const bool is_formatting =
      call.before.contains(roles::kMountFormatting);  // it must not be forgotten what this life of the rung may resume
  if (place.top == nullptr && is_formatting) return {Standing::Partial, {}, "an earlier attempt was interrupted"};
  if (place.top == nullptr) return {Standing::Down, {}, {}};
  Facts facts = call.before;
  facts.erase(roles::kMountFormatting);  // what is mounted is not formatted any more
  if (place.is_covered) return {Standing::Partial, facts, occupied(*place.top)};
  if (!place.is_ours) return {Standing::Foreign, {}, occupied(*place.top)};
  if (!place.hidden.empty()) return {Standing::Stale, facts, place.hidden};
  put_facts(reached.process, facts);
  facts[roles::kGuestDisk] = *disk ? (*disk)->path : fact(call.before, roles::kGuestDisk);
  facts[roles::kMountFilesystem] = place.top->filesystem;
  if (call.leaf == nullptr) return {Standing::Up, facts, {}};  // no longer desired, so there is nothing to compare with
  if (!is_writable_as_desired(*place.top, call))
    return {Standing::Stale, facts,
            "it is mounted " + std::string(access_of(call) == Access::ReadOnly ? "for writing" : "read-only")};
  if (access_of(call) == Access::ReadWrite && size_fact(call.before) < call.spec.size_bytes)
    return {Standing::Stale, facts, "the file system is smaller than desired"};
  return {Standing::Up, facts, {}};
}

}  // namespace blockplug
