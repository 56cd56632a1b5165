// SPDX-License-Identifier: Apache-2.0
// How a guest releases a disk, or does not. tests/lab tests real guests.
#include "tests/hotplug/vm/vm_worlds.h"

namespace blockplug::testing {
namespace {

class Unplug : public ::testing::Test {
 protected:
  void SetUp() override {
    place_vm(directory.path(), monitor.path());
    ASSERT_TRUE(bench.wait_for_vm("web-0"));
    bench.attach(volume);
    bench.events.clear();
    qemu.forget_commands();
  }
  std::string lower() { return VmBench::text(bench.lower(bench.plug, volume)); }

  TemporaryDirectory directory;
  FakeQemu qemu{FakeQemu::Bus::VirtioBlk};
  FakeMonitor monitor{qemu.script()};
  VmBench bench{directory.path()};
  VmBench::Volume volume = bench.make_volume("data-1", "web-0");
};

constexpr const char* kNotYet = "waiting: the guest has not released the disk yet";

TEST_F(Unplug, IsDoneWhenTheGuestReleasesTheDisk) {
  qemu.set_guest(FakeQemu::Guest::Keeps);
  EXPECT_EQ(lower(), kNotYet);
  EXPECT_EQ(bench.probe(bench.plug, volume).standing, Standing::Partial);
  qemu.release_all();
  EXPECT_TRUE(bench.events.wait_for("touch local/data-1"));
  EXPECT_EQ(lower(), "done");
  EXPECT_EQ(bench.probe(bench.plug, volume).standing, Standing::Down);
}

TEST_F(Unplug, IsDoneAtOnceWhenTheGuestIsQuickerThanTheReply) { EXPECT_EQ(lower(), "done"); }

TEST_F(Unplug, IsNotTakenForADiskThatMayBePluggedAgainMeanwhile) {
  qemu.set_guest(FakeQemu::Guest::Keeps);
  EXPECT_EQ(lower(), kNotYet);
  EXPECT_TRUE(VmBench::text(bench.raise(bench.plug, volume))
                  .starts_with("waiting: the guest has not released the disk yet; it will be plugged again"));
  qemu.release_all();
  EXPECT_TRUE(bench.events.wait_for("touch local/data-1"));
  EXPECT_EQ(VmBench::text(bench.raise(bench.plug, volume)), "done");
}

TEST_F(Unplug, WaitsWhereQemuSaysThatItIsUnderWay) {
  for (const char* text : {"Device bp.local.data-1 is already in the process of unplug",
                           "Hot-unplug failed: guest is busy (power indicator blinking)"}) {
    qemu.refuse_next("device_del", text);
    EXPECT_EQ(lower(), kNotYet) << text;
  }
}

// The id is free shortly before the node is: seen with scsi-hd when device_add directly follows device_del.
TEST_F(Unplug, WaitsUntilQemuHasLetGoBeforeItPlugsAgain) {
  EXPECT_EQ(lower(), "done");
  const std::string text =
      "Permission conflict on node 'bp-x': permissions 'write' are both required by block device "
      "'bp.local.data-1' (uses node 'bp-x' as 'root' child) and unshared by block device ";
  for (const char* taker : {"'bp.local.data-1'", "'/machine/peripheral/bp.local.data-1/virtio-backend'"}) {
    qemu.refuse_next("device_add", text + taker + " (uses node 'bp-x' as 'root' child).");
    EXPECT_EQ(VmBench::text(bench.raise(bench.plug, volume)), "waiting: QEMU has not released the disk that was just unplugged");
  }
  qemu.refuse_next("device_add", text + "'bp.local.data-10' (uses node 'bp-x' as 'root' child).");
  EXPECT_TRUE(VmBench::text(bench.raise(bench.plug, volume)).starts_with("FAILED_PRECONDITION, none: another device of VM web-0"));
}

TEST_F(Unplug, IsNotAskedOfAGuestThatStillBoots) {
  for (const auto driver : {FakeQemu::Driver::None, FakeQemu::Driver::Firmware}) {
    qemu.set_driver(driver);
    EXPECT_EQ(lower(), "waiting: the guest is still booting; if it were asked now, it would never release the disk");
  }
  const auto commands = qemu.commands();
  EXPECT_EQ(std::count(commands.begin(), commands.end(), "device_del"), 0);
  qemu.set_driver(FakeQemu::Driver::System);
  EXPECT_EQ(lower(), "done");
}

TEST_F(Unplug, IsNotAskedOfAPausedGuestAndGoesOnWhenItRuns) {
  qemu.set_run_state("paused");
  ASSERT_TRUE(bench.events.wait_for("doubt vm:web-0"));
  EXPECT_EQ(lower(), "waiting: VM web-0 is paused; its guest can release the disk only when it runs again");
  EXPECT_EQ(bench.state_of("web-0"), "paused");
  bench.events.clear();
  qemu.set_run_state("running");
  ASSERT_TRUE(bench.events.wait_for("doubt vm:web-0"));
  EXPECT_EQ(lower(), "done");
}

TEST_F(Unplug, IsNotAskedAgainRightAfterTheGuestRefused) {
  qemu.set_guest(FakeQemu::Guest::Keeps);
  EXPECT_EQ(lower(), kNotYet);
  qemu.emit("DEVICE_UNPLUG_GUEST_ERROR", {{"device", "bp.local.data-1"}, {"path", "/machine/peripheral/bp.local.data-1"}});
  ASSERT_TRUE(bench.events.wait_for("touch local/data-1"));
  qemu.forget_commands();
  EXPECT_EQ(lower(), "waiting: the guest refused to release the disk; it will be asked again");
  const auto commands = qemu.commands();
  EXPECT_EQ(std::count(commands.begin(), commands.end(), "device_del"), 0);
}

TEST_F(Unplug, ThatNobodyAskedForMakesTheVolumeDoubtful) {
  ASSERT_TRUE(bench.as_stranger("web-0", "device_del", {{"id", "bp.local.data-1"}}).ok());
  EXPECT_TRUE(bench.events.wait_for("doubt local/data-1 to vm:web-0"));
  EXPECT_EQ(bench.events.count("touch local/data-1"), 0);
  EXPECT_EQ(bench.probe(bench.plug, volume).standing, Standing::Down);
}

// A QEMU may say what it wants: of a volume that is somewhere else it says nothing.
TEST_F(Unplug, EventsOfOneVmDoubtNothingThatIsElsewhere) {
  qemu.emit("DEVICE_UNPLUG_GUEST_ERROR", {{"device", "bp.local.elsewhere"}, {"path", "/machine/peripheral/bp.local.elsewhere"}});
  qemu.emit("DEVICE_DELETED", {{"device", "bp.local.elsewhere"}, {"path", "/machine/peripheral/bp.local.elsewhere"}});
  ASSERT_TRUE(bench.events.wait_for("doubt local/elsewhere to vm:web-0")) << "at this VM alone";
  EXPECT_EQ(bench.events.count("touch local/elsewhere"), 0);
  EXPECT_EQ(bench.events.count("doubt local/elsewhere"), 0);
}

TEST_F(Unplug, LeavesAMigratingVmAlone) {
  qemu.set_run_state("finish-migrate");
  ASSERT_TRUE(bench.events.wait_for("doubt vm:web-0"));
  constexpr const char* kLeft = "waiting: VM web-0 is migrating; Blockplug waits until that has ended";
  EXPECT_EQ(lower(), kLeft);
  auto other = bench.make_volume("data-2", "web-0");
  EXPECT_EQ(VmBench::text(bench.raise(bench.open, other)), kLeft);
  qemu.set_run_state("running");
  qemu.refuse_next("device_del", "device_del not allowed while migrating");
  ASSERT_TRUE(bench.events.wait_until([&] { return bench.state_of("web-0") == "running" || lower() == kLeft; }));
}

TEST_F(Unplug, IsNotTheAnswerToIoErrorsButTheyAreShown) {
  const nlohmann::json error{{"device", ""},
                             {"node-name", node_name(volume.id())},
                             {"operation", "write"},
                             {"action", "report"},
                             {"reason", "Connection timed out"}};
  qemu.emit("BLOCK_IO_ERROR", error);
  EXPECT_TRUE(bench.events.wait_for("doubt local/data-1 to vm:web-0"));
  qemu.emit("BLOCK_IO_ERROR", error);
  EXPECT_TRUE(bench.events.wait_until(
      [&] { return bench.probe(bench.open, volume).why == "2 I/O errors, the last: write: Connection timed out"; }));
  EXPECT_EQ(bench.probe(bench.open, volume).standing, Standing::Up);
  EXPECT_EQ(bench.events.count("doubt local/data-1 to vm:web-0"), 1);
}

TEST_F(Unplug, AnAttachOnAKnownVmAsksNothing) {
  EXPECT_TRUE(bench.detach(volume));
  qemu.forget_commands();
  bench.attach(volume);
  EXPECT_EQ(qemu.commands(), (std::vector<std::string>{"object-add", "add-fd", "blockdev-add", "device_add"}));
}

}  // namespace
}  // namespace blockplug::testing
