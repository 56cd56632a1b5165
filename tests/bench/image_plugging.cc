// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/image_plugging.h"

#include <fstream>

#include "tests/bench/admin_caller.h"
#include "tests/bench/commits.h"
#include "tests/bench/first_byte.h"
#include "tests/bench/guest_log.h"

namespace blockplug::bench {
namespace {

constexpr std::int64_t kImageBytes = std::int64_t{64} << 20;

// One image at one VM.
struct Bench {
  Bus bus;
  std::string vm;
  pid_t process{};  // the VM's
  HoldTrips& trips;
  OrderPerformer bare, ours, commits;
  GuestLog& guest;
};

pid_t pid_of(const std::string& vm) {
  pid_t pid{};
  std::ifstream(vm + "/pid") >> pid;
  return pid;
}

Status bare_cycle(const Bench& bench, ImageFigures& figures) {
  TRY(bench.trips.before_attach(figures.hold));
  TRY(time(bench.commits.attach, figures.commit.attach));
  TRY(time(bench.bare.attach, figures.bare.attach));
  TRY(bench.trips.after_attach(figures.hold, bench.process));
  TRY(bench.guest.wait_for_disk());
  TRY(bench.trips.before_detach(figures.hold));
  TRY(time(bench.commits.detach, figures.commit.detach));
  TRY(time(bench.bare.detach, figures.bare.detach));
  TRY(bench.trips.after_detach(figures.hold));
  return bench.guest.wait_for_none();
}

Status our_cycle(const Bench& bench, ImageFigures& figures) {
  TRY(time(bench.ours.attach, figures.ours.attach));
  TRY(bench.guest.wait_for_disk());
  TRY(time(bench.ours.detach, figures.ours.detach));
  return bench.guest.wait_for_none();
}

// Apart from the cycles: the guest that waits takes of the machine what they need.
Status byte_cycle(const Bench& bench, const OrderPerformer& acts, Samples& times) {
  TRY(await_first_byte(bench.vm + "/qga.sock", bench.bus));
  const auto until_byte = [&]() -> Status {
    TRY(acts.attach());
    return bench.guest.wait_for_byte();
  };
  TRY(time(until_byte, times));
  TRY(bench.guest.wait_for_disk());
  TRY(acts.detach());
  return bench.guest.wait_for_none();
}

Status repeat(std::size_t count, const std::function<Status()>& act) {
  for (std::size_t done = 0; done < count; ++done) TRY(act());
  return Ok{};
}

Status measure_rounds(const Bench& bench, std::size_t rounds, ImagePluggingFigures::OnBus& figures) {
  for (std::size_t round = 0; round < rounds; ++round) {
    ImageFigures uncounted;  // the first of each: what a stranger changed in the VM is read again by the next who comes
    TRY(bare_cycle(bench, uncounted));
    TRY(repeat(kImageCycles, [&] { return bare_cycle(bench, figures.change); }));
    TRY(repeat(kImageCycles, [&] { return byte_cycle(bench, bench.bare, figures.bare_byte); }));
    TRY(our_cycle(bench, uncounted));
    TRY(repeat(kImageCycles, [&] { return our_cycle(bench, figures.change); }));
    TRY(repeat(kImageCycles, [&] { return byte_cycle(bench, bench.ours, figures.our_byte); }));
  }
  return Ok{};
}

Status measure_bus(const ImagePluggingSettings& settings, AdminCaller& caller, Bus bus, ImagePluggingFigures::OnBus& figures) {
  const auto& vm = settings.vms.at(bus);
  const std::string name = to_text(bus);
  const AttachmentKey key{volume_in_ceph(name), TargetId("vm:" + name)};
  TRY(caller.create(name, kImageBytes));
  const auto trips = TRY(HoldTrips::make(settings.lab, settings.directory + "/trips", key));
  auto recipe = TRY(trips->recipe());
  const auto disk = TRY(BareDisk::connect(vm + "/observer.sock", bus, std::move(recipe)));
  const auto commits = TRY(Commits::open(settings.directory + "/commits-" + name, key));
  GuestLog guest(vm + "/serial.log");
  const Bench bench{bus,
                    vm,
                    pid_of(vm),
                    *trips,
                    {[&] { return disk->attach(); }, [&] { return disk->detach(); }},
                    {[&] { return caller.attach(key); }, [&] { return caller.detach(key); }},
                    commits->performer(),
                    guest};
  return measure_rounds(bench, settings.rounds, figures);
}

}  // namespace

Result<ImagePluggingFigures> measure_image_plugging(const ImagePluggingSettings& settings, AdminCaller& caller) {
  ImagePluggingFigures figures;
  for (const auto& [bus, vm] : settings.vms) TRY(measure_bus(settings, caller, bus, figures.buses[bus]));
  return figures;
}

}  // namespace blockplug::bench
