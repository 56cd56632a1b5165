// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/plugging.h"

#include <filesystem>
#include <fstream>

#include "tests/bench/commits.h"
#include "tests/bench/daemon_process.h"
#include "tests/bench/guest_log.h"

namespace blockplug::bench {
namespace {

constexpr std::int64_t kVolumeBytes = std::int64_t{64} << 20;

// `beside` comes in the same places, so that both meet the machine in the same state.
Status cycle(const OrderPerformer& acts, Change& change, GuestLog& guest, const OrderPerformer& beside, Change& beside_change) {
  TRY(time(beside.attach, beside_change.attach));
  TRY(time(acts.attach, change.attach));
  TRY(guest.wait_for_disk());
  TRY(time(beside.detach, beside_change.detach));
  TRY(time(acts.detach, change.detach));
  return guest.wait_for_none();
}

struct Bench {
  DaemonProcess& daemon;
  Commits& commits;
  const PluggingSettings& settings;
  PluggingFigures& figures;
};

Status measure_bus(const Bench& bench, Bus bus) {
  const auto& vm = bench.settings.vms.at(bus);
  const std::string name = to_text(bus), file = bench.settings.directory + "/bare-" + name + ".raw";
  std::ofstream(file).close();
  std::filesystem::resize_file(file, kVolumeBytes);
  TRY(bench.daemon.caller().create(name, kVolumeBytes));
  const auto disk = TRY(BareDisk::connect(vm + "/observer.sock", bus, recipe_of(file)));
  const AttachmentKey key{VolumeId("local/" + name), TargetId("vm:" + name)};
  const OrderPerformer bare{[&] { return disk->attach(); }, [&] { return disk->detach(); }};
  const OrderPerformer ours{[&] { return bench.daemon.caller().attach(key); }, [&] { return bench.daemon.caller().detach(key); }};
  const OrderPerformer commits{[&] { return bench.commits.attach(); }, [&] { return bench.commits.detach(); }};
  const OrderPerformer nothing{[] { return Ok{}; }, [] { return Ok{}; }};
  GuestLog guest(vm + "/serial.log");
  auto& figures = bench.figures.buses[bus];
  for (std::size_t round = 0; round < bench.settings.rounds; ++round) {
    Change uncounted;  // the first of each: what a stranger changed in the VM is read again by the next who comes
    TRY(cycle(bare, uncounted, guest, nothing, uncounted));
    for (std::size_t count = 0; count < kCyclesPerRound; ++count) TRY(cycle(bare, figures.bare, guest, commits, figures.commit));
    TRY(cycle(ours, uncounted, guest, nothing, uncounted));
    for (std::size_t count = 0; count < kCyclesPerRound; ++count) TRY(cycle(ours, figures.ours, guest, nothing, uncounted));
  }
  return Ok{};
}

}  // namespace

Result<PluggingFigures> measure_plugging(const PluggingSettings& settings) {
  PluggingFigures figures;
  const auto commits = TRY(Commits::open(settings.directory + "/commits", {VolumeId("local/bench"), TargetId("vm:bench")}));
  const auto daemon = TRY(DaemonProcess::start({settings.program, settings.directory + "/real", settings.vm_sockets}));
  for (const auto& [bus, vm] : settings.vms) TRY(measure_bus({*daemon, *commits, settings, figures}, bus));
  return figures;
}

}  // namespace blockplug::bench
