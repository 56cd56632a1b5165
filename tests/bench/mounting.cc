// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/mounting.h"

#include <filesystem>

#include "hotplug/rungs.h"
#include "tests/bench/bare_guest_mount.h"
#include "tests/bench/bare_mount.h"
#include "tests/bench/commits.h"
#include "tests/bench/daemon_process.h"
#include "tests/bench/guest_log.h"
#include "tests/bench/leftovers.h"

namespace blockplug::bench {
namespace {

constexpr std::size_t kWarmUp = 3;
constexpr const char* kGuestPath = "/srv/ours";

// A volume of the daemon's, and a directory for it that is there already, as the programs' is.
struct Ours {
  VolumeId volume;
  std::string path;
};

struct Bench {
  AdminCaller& caller;
  const MountingSettings& settings;
  std::string directory() const { return settings.directory + "/mounting"; }
  Result<Ours> make(const std::string& name) const {
    TRY(caller.create(name, kMountedBytes));
    const auto path = directory() + "/pods/" + name;
    std::filesystem::create_directories(path);
    return Ours{VolumeId("local/" + name), path};
  }
  OrderPerformer performer(const Ours& ours) const {
    return {[this, ours] { return caller.attach_path(ours.volume, ours.path); },
            [this, ours] { return caller.detach_path(ours.volume, ours.path); }};
  }
  Result<std::unique_ptr<Commits>> commits(const std::string& name, const Ours& ours) const {
    return Commits::open(directory() + "/commits-" + name, {ours.volume, TargetId("host")}, RungId{rungs::kPublish, ours.path});
  }
};

Status act_once(const OrderPerformer& acts) {
  TRY(acts.attach());
  return acts.detach();
}

// The three take turns, so that what else the machine does falls on all alike.
Status cycle(const OrderPerformer& bare, const OrderPerformer& commit, const OrderPerformer& ours,
             MountingFigures::Against& figures) {
  TRY(time(bare.attach, figures.bare.attach));
  TRY(time(commit.attach, figures.commit.attach));
  TRY(time(bare.detach, figures.bare.detach));
  TRY(time(commit.detach, figures.commit.detach));
  TRY(time(ours.attach, figures.ours.attach));
  return time(ours.detach, figures.ours.detach);
}

Status measure_host(const Bench& bench, MountingFigures::Against& figures) {
  auto bare = TRY(BareMount::make(bench.directory(), "bare-host"));
  TRY(bare.format());
  const auto ours = TRY(bench.make("host"));
  TRY(act_once(bench.performer(ours)));  // formats it
  const auto commits = TRY(bench.commits("host", ours));
  const OrderPerformer by_programs{[&] { return bare.attach(); }, [&] { return bare.detach(); }};
  MountingFigures::Against uncounted;
  for (std::size_t count = 0; count < kWarmUp; ++count)
    TRY(cycle(by_programs, commits->performer(), bench.performer(ours), uncounted));
  for (std::size_t count = 0; count < bench.settings.host_cycles; ++count)
    TRY(cycle(by_programs, commits->performer(), bench.performer(ours), figures));
  return Ok{};
}

// One new volume of each.
Status format_once(const Bench& bench, BareMount& bare, std::size_t number, MountingFigures::Against& figures) {
  TRY(bare.blank());
  const auto ours = TRY(bench.make("blank-" + std::to_string(number)));
  const auto commits = TRY(bench.commits("format", ours));
  TRY(time([&] { return bare.attach_blank(); }, figures.bare.attach));
  TRY(bare.detach());
  TRY(time(commits->performer().attach, figures.commit.attach));
  const auto acts = bench.performer(ours);
  TRY(time(acts.attach, figures.ours.attach));
  TRY(acts.detach());
  return bench.caller.remove(ours.volume);
}

Status measure_format(const Bench& bench, MountingFigures::Against& figures) {
  auto bare = TRY(BareMount::make(bench.directory(), "bare-blank"));
  MountingFigures::Against uncounted;
  TRY(format_once(bench, bare, 0, uncounted));
  for (std::size_t number = 1; number <= bench.settings.format_rounds; ++number) TRY(format_once(bench, bare, number, figures));
  return Ok{};
}

// What the guest's own log says of it keeps the next from meeting the last.
Status guest_cycle(const OrderPerformer& acts, GuestLog& guest, Change& change) {
  TRY(time(acts.attach, change.attach));
  TRY(guest.wait_for_disk());
  TRY(time(acts.detach, change.detach));
  return guest.wait_for_none();
}

Status measure_guest(const Bench& bench, MountingFigures::Against& figures) {
  const auto& vm = bench.settings.vm;
  const auto formatted = TRY(BareMount::make(bench.directory(), "bare-guest"));
  TRY(formatted.format());
  auto bare = TRY(BareGuestMount::make({vm + "/observer.sock", vm + "/qga.sock"}, formatted.file()));
  const auto volume = TRY(bench.make("guest"));
  TRY(act_once(bench.performer(volume)));  // formats it
  const AttachmentKey key{volume.volume, TargetId("vm:scsi")};
  const auto commits = TRY(Commits::open(bench.directory() + "/commits-guest", key, RungId{rungs::kGuestMount, kGuestPath}));
  const OrderPerformer by_calls{[&] { return bare.attach(); }, [&] { return bare.detach(); }};
  const OrderPerformer ours{[&] { return bench.caller.attach_guest(key, kGuestPath); }, [&] { return bench.caller.detach(key); }};
  GuestLog guest(vm + "/serial.log");
  for (std::size_t round = 0; round < bench.settings.guest_rounds; ++round) {
    Change uncounted;  // the first of each: what a stranger changed in the VM is read again by the next who comes
    TRY(guest_cycle(by_calls, guest, uncounted));
    TRY(guest_cycle(by_calls, guest, figures.bare));
    TRY(time(commits->performer().attach, figures.commit.attach));
    TRY(time(commits->performer().detach, figures.commit.detach));
    TRY(guest_cycle(ours, guest, uncounted));
    TRY(guest_cycle(ours, guest, figures.ours));
  }
  return Ok{};
}

}  // namespace

Result<MountingFigures> measure_mounting(const MountingSettings& settings) {
  MountingFigures figures;
  const Leftovers leftovers(settings.directory + "/mounting");
  const auto daemon = TRY(DaemonProcess::start({settings.program, settings.directory + "/mounting", settings.vm_sockets}));
  const Bench bench{daemon->caller(), settings};
  TRY(measure_host(bench, figures.host));
  TRY(measure_format(bench, figures.format));
  TRY(measure_guest(bench, figures.guest));
  return figures;
}

}  // namespace blockplug::bench
