// SPDX-License-Identifier: Apache-2.0
#pragma once
// A VM "web-0" with a monitor and an agent, one volume "local/data-1" plugged into it as /dev/vda (or /dev/sda), and GuestMount.
#include "hotplug/guest/guest_mount.h"
#include "hotplug/rungs.h"
#include "tests/hotplug/guest/fake_agent.h"
#include "tests/hotplug/vm/vm_worlds.h"

namespace blockplug::testing {

struct FakeRecords : FormatRecords {
  FormatRecord record;
  bool is_unwritten{true};
  std::vector<std::string> written;
  std::function<void()> on_set{[] {}};
  Result<FormatRecord> format_of(const Call&) override { return record; }
  Status set_format(const Call&, const FormatRecord& wanted) override {
    record = wanted;
    written.push_back(to_text(wanted).substr(0, to_text(wanted).rfind(' ')));
    on_set();
    return Ok{};
  }
  Result<bool> is_never_written(const Call&) override { return is_unwritten; }
};

struct FakeJournal : Journal {
  std::vector<Facts> kept;
  Status keep(const Facts& facts) override {
    kept.push_back(facts);
    return Ok{};
  }
};

class GuestWorld : public ::testing::Test {
 protected:
  static constexpr const char* kPath = "/mnt/data of web/1";
  explicit GuestWorld(FakeQemu::Bus bus = FakeQemu::Bus::VirtioBlk) : qemu(bus), is_scsi(bus == FakeQemu::Bus::Scsi) {
    std::ofstream(disk_file()).close();
    spec.size_bytes = 16 * kMebibyte;
    leaf.filesystem = "auto";
    below = {{"image.never_written", "true"}, {"guest.serial", "data-1"}, {"guest.pci", is_scsi ? "02.0" : "03.0"}};
    if (is_scsi) below["guest.scsi_id"] = "7";
    files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
    agent->with([&](FakeGuest& guest) { guest.disks[name()] = disk(); });
  }
  void SetUp() override { ASSERT_TRUE(bench->wait_for_vm("web-0")); }

  std::string name() const { return is_scsi ? "sda" : "vda"; }
  std::string disk_file() const { return directory / "disk.raw"; }
  FakeGuest::Disk disk() const {
    if (is_scsi) return {disk_file(), "devices/pci0000:00/0000:00:02.0/virtio1/host0/target0:0:7/0:0:7:0", "8:0", "data-1"};
    return {disk_file(), "devices/pci0000:00/0000:00:03.0/0000:02:00.0/virtio1", "254:0", "data-1"};
  }

  std::string raise(const std::string& path = kPath) {
    const auto kept = journal.kept.size();
    auto attempt = rung.raise(call(path));
    if (const auto* done = std::get_if<Done>(&attempt))
      before = done->facts;
    else if (journal.kept.size() > kept)
      before = journal.kept.back();
    return VmBench::text(attempt);
  }
  std::string lower(LowerReason because = LowerReason::NotWanted) {
    auto asked = call(kPath);
    asked.lower_reason = because;
    return VmBench::text(rung.lower(asked));
  }
  Finding probe() { return rung.probe(call(kPath)); }
  Call call(const std::string& path) {
    return {.key = {VolumeId("local/data-1"), TargetId("vm:web-0")},
            .rung = {rungs::kGuestMount, path},
            .spec = spec,
            .leaf = &leaf,
            .below = below,
            .before = before,
            .deadline = Clock::now() + limit,
            .stop = stop.get_token(),
            .operation = "test",
            .journal = journal};
  }

  template <typename Use>
  auto guest(Use use) {
    return agent->with(std::move(use));
  }
  std::vector<FakeGuest::Mount> mounts() {
    return guest([](FakeGuest& guest) { return guest.mounts; });
  }
  std::set<std::string> directories() {
    return guest([](FakeGuest& guest) { return guest.directories; });
  }
  std::vector<std::string> commands() {
    return guest([](FakeGuest& guest) { return guest.commands; });
  }
  int ran(const std::string& start) {
    return guest([&](FakeGuest& guest) {
      return static_cast<int>(
          std::ranges::count_if(guest.commands, [&](const auto& command) { return command.starts_with(start); }));
    });
  }
  void write(std::int64_t offset, const std::string& bytes) const {
    std::fstream file(disk_file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offset);
    file << bytes;
  }

  TemporaryDirectory directory;
  FakeQemu qemu;
  const bool is_scsi;
  FakeMonitor monitor{qemu.script()};
  std::unique_ptr<VmBench> bench{make_bench()};
  std::unique_ptr<FakeAgent> agent{std::make_unique<FakeAgent>(directory / "vms/web-0/qga.sock")};
  FakeRecords records;
  FakeJournal journal;
  Spec spec;
  LeafSpec leaf;
  Facts below, before;
  std::stop_source stop;
  Clock::duration limit{std::chrono::seconds(60)};
  GuestMountTables tables;
  GuestMount rung{bench->vms, tables, records};

 private:
  std::unique_ptr<VmBench> make_bench() const {
    place_vm(directory.path(), monitor.path());
    return std::make_unique<VmBench>(directory.path());
  }
};

}  // namespace blockplug::testing
