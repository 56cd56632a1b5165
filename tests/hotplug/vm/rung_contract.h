// SPDX-License-Identifier: Apache-2.0
#pragma once
// The contract of Open and Plug, independent of the QEMU behind them: run with FakeQemu and with a real process
// (rung_contract_test.cc).
#include "tests/hotplug/vm/keyed_source.h"
#include "tests/hotplug/vm/vm_worlds.h"

namespace blockplug::testing {

// A VM "web-0" with a monitor at <directory>/vms/web-0/qmp.sock.
class VmWorld {
 public:
  virtual ~VmWorld() = default;
};

struct WorldRow {
  const char* name;
  std::unique_ptr<VmWorld> (*make)(const std::string& directory);
  const char* bus;
  bool is_released;  // does the guest release a disk when asked?
};

class RungContract : public ::testing::TestWithParam<WorldRow> {
 protected:
  void SetUp() override { ASSERT_TRUE(bench.wait_for_vm("web-0")); }
  static constexpr const char* kVm = "web-0";
  Standing standing(Rung& rung, VmBench::Volume& volume) { return bench.probe(rung, volume).standing; }
  // Reads past the cache.
  void read_again() {
    EXPECT_TRUE(bench.vms.find(kVm)->inventory(Clock::duration::zero(), Clock::now() + std::chrono::seconds(10), "test").ok());
  }

  TemporaryDirectory directory;
  std::unique_ptr<VmWorld> world{GetParam().make(directory.path())};
  VmBench bench{directory.path()};
};

TEST_P(RungContract, OpensPlugsUnplugsAndCloses) {
  auto volume = bench.make_volume("data-1", kVm);
  EXPECT_EQ(standing(bench.open, volume), Standing::Down);
  EXPECT_EQ(standing(bench.plug, volume), Standing::Down);
  bench.attach(volume);
  read_again();
  EXPECT_EQ(standing(bench.open, volume), Standing::Up);
  EXPECT_EQ(standing(bench.plug, volume), Standing::Up);
  EXPECT_EQ(volume.open_before.at("node.name"), node_name(volume.id()));
  EXPECT_EQ(volume.plug_before.at("guest.device"), "bp.local.data-1");
  EXPECT_EQ(volume.plug_before.at("guest.serial"), "local.data-1");
  EXPECT_EQ(bench.probe(bench.open, volume).facts, volume.open_before);
  EXPECT_EQ(bench.probe(bench.plug, volume).facts, volume.plug_before);
  if (!GetParam().is_released) {
    EXPECT_TRUE(VmBench::text(bench.lower(bench.plug, volume)).starts_with("waiting: the guest is still booting"));
    EXPECT_EQ(standing(bench.plug, volume), Standing::Up);
    return;
  }
  EXPECT_TRUE(bench.detach(volume));
  read_again();
  EXPECT_EQ(standing(bench.open, volume), Standing::Down);
  EXPECT_EQ(standing(bench.plug, volume), Standing::Down);
}

TEST_P(RungContract, RaisesAndLowersAgainWithTheSameEnd) {
  auto volume = bench.make_volume("data-1", kVm);
  EXPECT_EQ(VmBench::text(bench.lower(bench.plug, volume)), "done");
  EXPECT_EQ(VmBench::text(bench.lower(bench.open, volume)), "done");
  bench.attach(volume);
  const Facts open = volume.open_before, plug = volume.plug_before;
  bench.attach(volume);
  EXPECT_EQ(volume.open_before, open);
  EXPECT_EQ(volume.plug_before, plug);
}

TEST_P(RungContract, FinishesWhatACrashLeftHalfWay) {
  auto volume = bench.make_volume("data-1", kVm);
  ASSERT_TRUE(bench.as_stranger(kVm, "object-add", {{"qom-type", "throttle-group"}, {"id", "bp.local.data-1"}}).ok());
  read_again();
  EXPECT_EQ(standing(bench.open, volume), Standing::Partial);
  EXPECT_EQ(VmBench::text(bench.lower(bench.open, volume)), "done");
  ASSERT_TRUE(bench.as_stranger(kVm, "object-add", {{"qom-type", "throttle-group"}, {"id", "bp.local.data-1"}}).ok());
  bench.attach(volume);
  EXPECT_EQ(standing(bench.open, volume), Standing::Up);
}

// The open was not answered in time, or the daemon was killed before it removed the key.
TEST_P(RungContract, LeavesNoKeyOfAnEarlierOpening) {
  bench.vms.stop();
  KeyedSource source;
  VmBench keyed(directory.path(), &source);
  ASSERT_TRUE(keyed.wait_for_vm(kVm));
  auto volume = keyed.make_volume("data-1", kVm);
  const auto key = secret_name(volume.id());
  const auto leave_key = [&] {
    ASSERT_TRUE(
        keyed.as_stranger(kVm, "object-add", {{"qom-type", "secret"}, {"id", key}, {"data", "c2VjcmV0"}, {"format", "base64"}})
            .ok());
  };
  const auto expect_none = [&](const std::string& when) {
    EXPECT_FALSE(keyed.as_stranger(kVm, "object-del", {{"id", key}}).ok()) << when;
  };
  leave_key();
  EXPECT_EQ(VmBench::text(keyed.lower(keyed.open, volume)), "done");
  expect_none("lowered where there was no node");
  EXPECT_EQ(VmBench::text(keyed.raise(keyed.open, volume)), "done");
  leave_key();
  volume.open_before.clear();
  EXPECT_EQ(VmBench::text(keyed.raise(keyed.open, volume)), "done");
  expect_none("adopted");
  leave_key();
  EXPECT_EQ(VmBench::text(keyed.lower(keyed.open, volume)), "done");
  expect_none("closed");
}

TEST_P(RungContract, ASecondLifeFindsAndAdoptsWhatTheFirstOneMade) {
  auto volume = bench.make_volume("data-1", kVm);
  bench.attach(volume);
  bench.vms.stop();
  VmBench second(directory.path());
  ASSERT_TRUE(second.wait_for_vm(kVm));
  EXPECT_EQ(second.probe(second.open, volume).standing, Standing::Up);
  EXPECT_EQ(second.probe(second.plug, volume).standing, Standing::Up);
  const Facts plug = volume.plug_before;
  second.attach(volume);
  EXPECT_EQ(volume.plug_before, plug);
  ASSERT_EQ(second.open.survey(Clock::now() + std::chrono::minutes(1)).size(), 1U);
  ASSERT_EQ(second.plug.survey(Clock::now() + std::chrono::minutes(1)).size(), 1U);
  EXPECT_EQ(to_text(second.plug.survey(Clock::now() + std::chrono::minutes(1)).front().key), "local/data-1 to vm:web-0");
  EXPECT_EQ(second.plug.survey(Clock::now() + std::chrono::minutes(1)).front().facts, plug);
}

TEST_P(RungContract, GrowsToWhatTheImageHasAndNeverCuts) {
  auto volume = bench.make_volume("data-1", kVm);
  bench.attach(volume);
  volume.spec.size_bytes = 4 * kMebibyte;
  EXPECT_EQ(standing(bench.open, volume), Standing::Stale);
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)),
            "FAILED_PRECONDITION, none: the image has 1048576 bytes, desired: 4194304; resize the volume first");
  files::resize_file(volume.below.at("image.path"), 4 * kMebibyte);
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "done");
  read_again();
  EXPECT_EQ(standing(bench.open, volume), Standing::Up);
  volume.spec.size_bytes = 2 * kMebibyte;
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "done");
  EXPECT_EQ(files::file_size(volume.below.at("image.path")), 4U * kMebibyte);
}

TEST_P(RungContract, ChangesLimitsWithoutTakingTheDiskAway) {
  auto volume = bench.make_volume("data-1", kVm);
  volume.spec.limits = {{"iops", 500}};
  bench.attach(volume);
  read_again();
  EXPECT_EQ(standing(bench.open, volume), Standing::Up);
  volume.spec.limits = {{"iops", 100}, {"bytes_per_second", kMebibyte}};
  EXPECT_EQ(standing(bench.open, volume), Standing::Stale);
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "done");
  read_again();
  EXPECT_EQ(standing(bench.open, volume), Standing::Up);
  volume.spec.limits.clear();
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)), "done");
  read_again();
  EXPECT_EQ(standing(bench.open, volume), Standing::Up);
}

TEST_P(RungContract, OpensReadOnlyAndDoesNotCallItTheSameAsWritable) {
  auto volume = bench.make_volume("data-1", kVm);
  volume.spec.access = Access::ReadOnly;
  bench.attach(volume);
  read_again();
  EXPECT_EQ(standing(bench.open, volume), Standing::Up);
  volume.spec.access = Access::ReadWrite;
  EXPECT_EQ(standing(bench.open, volume), Standing::Stale);
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, volume)),
            "FAILED_PRECONDITION, none: it is open read-only; detach it first, then attach it with the new access mode");
}

TEST_P(RungContract, LeavesWhatIsNotOfThisVolumeAlone) {
  auto volume = bench.make_volume("data-1", kVm);
  const auto other = bench.make_volume("other", kVm);
  ASSERT_TRUE(
      bench
          .as_stranger(kVm, "blockdev-add",
                       {{"driver", "file"}, {"node-name", node_name(volume.id())}, {"filename", other.below.at("image.path")}})
          .ok());
  EXPECT_TRUE(VmBench::text(bench.raise(bench.open, volume)).starts_with("FAILED_PRECONDITION, none: block node bp-"));
  read_again();
  EXPECT_EQ(standing(bench.open, volume), Standing::Foreign);
  const auto inventory = bench.vms.find(kVm)->inventory(Clock::duration::zero(), Clock::now() + std::chrono::seconds(10), "test");
  ASSERT_TRUE(inventory.ok());
  EXPECT_TRUE((*inventory)->throttle_groups.empty()) << "a raise without effect left its throttle group";
}

TEST_P(RungContract, TakesAnotherPlaceWhenAStrangerWasQuicker) {
  auto volume = bench.make_volume("data-1", kVm);
  const auto other = bench.make_volume("other", kVm);
  ASSERT_TRUE(
      bench.as_stranger(kVm, "blockdev-add", {{"driver", "file"}, {"node-name", "n1"}, {"filename", other.below.at("image.path")}})
          .ok());
  nlohmann::json arguments{{"id", "stranger"}, {"drive", "n1"}};
  if (std::string(GetParam().bus) == "scsi")
    arguments.update({{"driver", "scsi-hd"}, {"bus", "scsi0.0"}, {"scsi-id", 0}, {"lun", 0}, {"channel", 0}});
  else
    arguments.update({{"driver", "virtio-blk-pci"}, {"bus", "port1"}, {"addr", "0x0"}});
  const auto added = bench.as_stranger(kVm, "device_add", arguments);
  ASSERT_TRUE(added.ok()) << added.error().message;
  bench.attach(volume);
  if (std::string(GetParam().bus) == "scsi")
    EXPECT_EQ(volume.plug_before.at("guest.scsi_id"), "1");
  else
    EXPECT_EQ(volume.plug_before.at("guest.bus"), "port2");
}

// With two root ports and no SCSI bus.
class TwoPortsContract : public RungContract {};

TEST_P(TwoPortsContract, SaysThatThereIsNoRoomAndChangesNothing) {
  auto first = bench.make_volume("a", kVm), second = bench.make_volume("b", kVm), third = bench.make_volume("c", kVm);
  bench.attach(first);
  bench.attach(second);
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, third)), "done");
  EXPECT_TRUE(
      VmBench::text(bench.raise(bench.plug, third)).starts_with("RESOURCE_EXHAUSTED, none: no free hot-plug slot (2 of 2 used): "));
  EXPECT_EQ(standing(bench.plug, third), Standing::Down);
  EXPECT_EQ(VmBench::text(bench.lower(bench.open, third)), "done");
}

TEST_P(RungContract, DoesNotCloseUnderADisk) {
  auto volume = bench.make_volume("data-1", kVm);
  bench.attach(volume);
  EXPECT_TRUE(VmBench::text(bench.lower(bench.open, volume)).starts_with("waiting: QEMU still uses the block node"));
  EXPECT_EQ(standing(bench.open, volume), Standing::Up);
}

TEST_P(RungContract, DoesNotPlugWithoutABlockNode) {
  auto volume = bench.make_volume("data-1", kVm);
  EXPECT_TRUE(VmBench::text(bench.raise(bench.plug, volume)).starts_with("UNAVAILABLE, none: device_add: "));
}

}  // namespace blockplug::testing
