// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/plugging.h"

#include <filesystem>
#include <fstream>
#include <functional>

#include "attach-detach/changes.h"
#include "attach-detach/sqlite_store.h"
#include "tests/bench/daemon_process.h"
#include "tests/bench/fake_backend.h"
#include "tests/bench/guest_log.h"

namespace blockplug::bench {
namespace {

constexpr std::int64_t kVolumeBytes = std::int64_t{64} << 20;

// What an attach and a detach write before their first effect, into a store beside the daemon's.
class Commits {
 public:
  static Result<std::unique_ptr<Commits>> open(const std::string& directory) {
    std::filesystem::create_directories(directory);
    return std::make_unique<Commits>(TRY(SqliteStore::open(directory)));
  }
  explicit Commits(std::unique_ptr<SqliteStore> store) : store_(std::move(store)) {}

  Status attach() {
    const auto volume = attached_volume({VolumeId("local/bench"), TargetId("vm:bench")}, ++wishes_);
    const auto& attachment = volume.attachments.begin()->second;
    Changes changes{PutVolume{volume.id, volume.image}, put_attachment(attachment)};
    for (const auto& [id, record] : attachment.rungs)
      changes.push_back(PutRung{attachment.key, id, StoredMark::Doubtful, {}, record.since});
    return store_->apply(changes);
  }
  Status detach() {
    const auto volume = attached_volume({VolumeId("local/bench"), TargetId("vm:bench")}, wishes_);
    const auto& attachment = volume.attachments.begin()->second;
    Changes changes{put_attachment(attachment)};
    for (const auto& [id, record] : attachment.rungs)
      changes.push_back(PutRung{attachment.key, id, StoredMark::Doubtful, record.facts, record.since});
    return store_->apply(changes);
  }

 private:
  std::unique_ptr<SqliteStore> store_;
  std::int64_t wishes_{};
};

using Act = std::function<Status()>;
struct Acts {
  Act attach, detach;
};

Status time(const Act& act, Samples& samples) {
  const auto begun = Clock::now();
  TRY(act());
  samples.add(Clock::now() - begun);
  return Ok{};
}

// `beside` comes in the same places, so that both meet the machine in the same state.
Status cycle(const Acts& acts, Change& change, GuestLog& guest, const Acts& beside, Change& beside_change) {
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
  const auto disk = TRY(BareDisk::connect(vm + "/observer.sock", bus, file));
  const AttachmentKey key{VolumeId("local/" + name), TargetId("vm:" + name)};
  const Acts bare{[&] { return disk->attach(); }, [&] { return disk->detach(); }};
  const Acts ours{[&] { return bench.daemon.caller().attach(key); }, [&] { return bench.daemon.caller().detach(key); }};
  const Acts commits{[&] { return bench.commits.attach(); }, [&] { return bench.commits.detach(); }};
  const Acts nothing{[] { return Ok{}; }, [] { return Ok{}; }};
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
  const auto commits = TRY(Commits::open(settings.directory + "/commits"));
  const auto daemon = TRY(DaemonProcess::start({settings.program, settings.directory + "/real", settings.vm_sockets}));
  for (const auto& [bus, vm] : settings.vms) TRY(measure_bus({*daemon, *commits, settings, figures}, bus));
  return figures;
}

}  // namespace blockplug::bench
