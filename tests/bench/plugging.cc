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

// The same two commits that a caller waits for, into a store of their own beside the daemon's.
class Commits {
 public:
  static Result<std::unique_ptr<Commits>> open(const std::string& directory) {
    std::filesystem::create_directories(directory);
    return std::make_unique<Commits>(TRY(SqliteStore::open(directory)));
  }
  explicit Commits(std::unique_ptr<SqliteStore> store) : store_(std::move(store)) {}

  Status time(Change& commit) {
    const auto volume = attached_volume({VolumeId("local/bench"), TargetId("vm:bench")}, ++wishes_);
    const auto& attachment = volume.attachments.begin()->second;
    Changes up{PutVolume{volume.id, volume.image}, put_attachment(attachment)}, down{put_attachment(attachment)};
    for (const auto& [id, record] : attachment.rungs) {
      up.push_back(PutRung{attachment.key, id, StoredMark::Doubtful, {}, record.since});
      down.push_back(PutRung{attachment.key, id, StoredMark::Doubtful, record.facts, record.since});
    }
    const auto begun = Clock::now();
    TRY(store_->apply(up));
    const auto risen = Clock::now();
    TRY(store_->apply(down));
    commit.attach.add(risen - begun);
    commit.detach.add(Clock::now() - risen);
    return store_->apply({ForgetVolume{volume.id}});
  }

 private:
  std::unique_ptr<SqliteStore> store_;
  std::int64_t wishes_{};
};

using Act = std::function<Status()>;

Status cycle(const Act& attach, const Act& detach, GuestLog& guest, Change* change) {
  const auto begun = Clock::now();
  TRY(attach());
  const auto attached = Clock::now();
  TRY(guest.wait_for_disk());
  const auto released = Clock::now();
  TRY(detach());
  const auto detached = Clock::now();
  TRY(guest.wait_for_none());
  if (change == nullptr) return Ok{};
  change->attach.add(attached - begun);
  change->detach.add(detached - released);
  return Ok{};
}

// The first is not counted: what a stranger changed in the VM is read again by the next who comes.
Status round(const Act& attach, const Act& detach, GuestLog& guest, Change& change) {
  TRY(cycle(attach, detach, guest, nullptr));
  for (std::size_t count = 0; count < kCyclesPerRound; ++count) TRY(cycle(attach, detach, guest, &change));
  return Ok{};
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
  const auto bare = TRY(BareDisk::connect(vm + "/observer.sock", bus, file));
  const AttachmentKey key{VolumeId("local/" + name), TargetId("vm:" + name)};
  auto& caller = bench.daemon.caller();
  auto& figures = bench.figures.buses[bus];
  GuestLog guest(vm + "/serial.log");
  for (std::size_t count = 0; count < bench.settings.rounds; ++count) {
    TRY(round([&] { return bare->attach(); }, [&] { return bare->detach(); }, guest, figures.bare));
    TRY(round([&] { return caller.attach(key); }, [&] { return caller.detach(key); }, guest, figures.ours));
    for (std::size_t commit = 0; commit < kCyclesPerRound; ++commit) TRY(bench.commits.time(bench.figures.commit));
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
