// SPDX-License-Identifier: Apache-2.0
// GuestMount on a fake guest, on both buses: its contract, and its behaviour when the guest's state differs from the desired one.
#include "tests/hotplug/guest/guest_world.h"

namespace blockplug::testing {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;

class GuestMounting : public GuestWorld {
 protected:
  using GuestWorld::GuestWorld;
  // The fake monitor disconnects a client that is silent for ten seconds.
  void keep_monitor_awake() {
    EXPECT_TRUE(bench->vms.find("web-0")->inventory(Clock::duration::zero(), Clock::now() + seconds(5), "test").ok());
  }
  void put_filesystem() {  // and mounts it, as by an earlier leaf
    ASSERT_EQ(raise(), "done");
    before.clear();
    guest([](FakeGuest& guest) { guest.mounts.clear(), guest.commands.clear(), guest.directories = {"/mnt"}; });
  }
};
class GuestMountContract : public GuestMounting, public ::testing::WithParamInterface<FakeQemu::Bus> {
 protected:
  GuestMountContract() : GuestMounting(GetParam()) {}
};

TEST_P(GuestMountContract, MountsAndUnmountsAndLeavesNothing) {
  const auto empty = directories();
  EXPECT_EQ(probe().standing, Standing::Down);
  EXPECT_EQ(raise(), "done");
  const auto disk = "/dev/" + name();
  ASSERT_EQ(mounts().size(), 1U);
  EXPECT_EQ(mounts()[0], (FakeGuest::Mount{kPath, disk, this->disk().number, "ext4", false, false}));
  EXPECT_EQ(before.at("guest.disk"), disk);
  EXPECT_EQ(before.at("mount.filesystem"), "ext4");
  EXPECT_EQ(before.at("mount.size_bytes"), std::to_string(spec.size_bytes));
  EXPECT_EQ(before.at("mount.made"), "/mnt/data of web");
  EXPECT_EQ(before.at("process.pid"), std::to_string(::getpid()));
  const auto found = probe();
  EXPECT_EQ(found.standing, Standing::Up) << found.why;
  EXPECT_EQ(found.facts, before);
  EXPECT_EQ(lower(), "done");
  EXPECT_TRUE(mounts().empty());
  EXPECT_EQ(directories(), empty);
  EXPECT_EQ(probe().standing, Standing::Down);
}

TEST_P(GuestMountContract, RaisesAndLowersAgainWithTheSameEnd) {
  EXPECT_EQ(lower(), "done");
  EXPECT_EQ(raise(), "done");
  const auto facts = before;
  const auto once = mounts();
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(before, facts);
  EXPECT_EQ(mounts(), once);
  EXPECT_EQ(lower(), "done");
  EXPECT_EQ(lower(), "done");
}

TEST_P(GuestMountContract, ChangesNothingByLooking) {
  EXPECT_EQ(raise(), "done");
  const auto mounted = mounts();
  guest([](FakeGuest& guest) { guest.commands.clear(); });
  EXPECT_EQ(probe().standing, Standing::Up);
  EXPECT_EQ(commands(), std::vector<std::string>{});
  EXPECT_EQ(mounts(), mounted);
}

// Each takes tens of milliseconds in a guest.
TEST_P(GuestMountContract, RunsFewProgramsInTheGuest) {
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
  before.clear();
  guest([](FakeGuest& guest) { guest.commands.clear(), guest.questions = 0; });
  EXPECT_EQ(raise(), "done");
  const std::string path = kPath, disk = "/dev/" + name();
  EXPECT_EQ(commands(), (std::vector<std::string>{"ls -l /sys/block", "stat -c %F:%n /mnt /mnt/data of web " + path,
                                                  "mkdir -p " + path, "mount -t ext4 -o rw " + disk + " " + path}));
  EXPECT_LE(guest([](FakeGuest& guest) { return guest.questions; }), 40);
  guest([](FakeGuest& guest) { guest.commands.clear(); });
  EXPECT_EQ(lower(), "done");
  EXPECT_EQ(commands(), (std::vector<std::string>{"umount " + path, "rmdir " + path + " /mnt/data of web"}));
}

// A guest that was rebooted, or another order of disks.
TEST_P(GuestMountContract, FindsItsDiskAgainUnderAnotherName) {
  EXPECT_EQ(raise(), "done");
  guest([&](FakeGuest& guest) {
    auto other = guest.disks.at(name());
    other.serial = "data-2", other.number = "1:1", other.sysfs = "devices/pci0000:00/0000:00:09.0/0000:02:00.0/virtio1";
    guest.disks["zda"] = guest.disks.at(name());
    guest.disks[name()] = other;
    guest.mounts[0].source = "/dev/zda";
  });
  EXPECT_EQ(probe().standing, Standing::Up) << probe().why;
  EXPECT_EQ(probe().facts.at("guest.disk"), "/dev/zda");
  EXPECT_EQ(lower(), "done");
  EXPECT_TRUE(mounts().empty());
}

// The connection is closed before each answer in turn; then everything is repeated with the facts of the journal.
TEST_P(GuestMountContract, FinishesWhatWasCutShortAfterAnyCommand) {
  spec.size_bytes = kMebibyte;  // so that its ends are read in few requests
  files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
  guest([](FakeGuest& guest) { guest.looks_per_program = 0; });
  int answers = 0;
  for (bool is_done = false; !is_done; ++answers) {
    guest([&](FakeGuest& guest) { guest.mounts.clear(), guest.directories = {"/mnt"}, guest.answers_left = answers; });
    before.clear();
    journal.kept.clear();
    keep_monitor_awake();
    is_done = raise() == "done";
    if (!journal.kept.empty() && !is_done) before = journal.kept.back();
    guest([](FakeGuest& guest) { guest.answers_left = -1; });
    ASSERT_EQ(raise(), "done") << answers;
    ASSERT_EQ(mounts().size(), 1U) << answers;
    ASSERT_EQ(records.record.state, FormatRecord::State::Formatted);
  }
  EXPECT_GT(answers, 25);
  EXPECT_EQ(ran("mkfs.ext4 -q"), 1);

  int lowered = 0;
  for (bool is_done = false; !is_done; ++lowered) {
    keep_monitor_awake();
    ASSERT_EQ(raise(), "done");
    guest([&](FakeGuest& guest) { guest.answers_left = lowered; });
    is_done = lower() == "done";
    guest([](FakeGuest& guest) { guest.answers_left = -1; });
    ASSERT_EQ(lower(), "done") << lowered;
    ASSERT_TRUE(mounts().empty());
  }
  EXPECT_GT(lowered, 10);
}

INSTANTIATE_TEST_SUITE_P(On, GuestMountContract, ::testing::Values(FakeQemu::Bus::Scsi, FakeQemu::Bus::VirtioBlk),
                         [](const auto& row) { return row.param == FakeQemu::Bus::Scsi ? "Scsi" : "VirtioBlk"; });

TEST_F(GuestMounting, KeepsTheFirstDirectoryItMakesBeforeItIsThere) {
  EXPECT_EQ(raise("/mnt/a/b/c"), "done");
  ASSERT_FALSE(journal.kept.empty());
  EXPECT_EQ(journal.kept.back().at("mount.made"), "/mnt/a");
}

TEST_F(GuestMounting, WaitsUntilTheGuestSeesTheDisk) {
  guest([](FakeGuest& guest) { guest.disks.clear(); });
  EXPECT_EQ(raise(), "waiting: the guest has not seen the disk yet");
  guest([&](FakeGuest& guest) { guest.disks["vdq"] = disk(); });
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(before.at("guest.disk"), "/dev/vdq");
}

// The agent has one thread, and would hang with the disk.
TEST_F(GuestMounting, AsksTheGuestForNothingWhileTheStorageDoesNotAnswer) {
  bench->is_storage_silent = true;
  EXPECT_EQ(raise(), "waiting: the storage is silent");
  EXPECT_TRUE(commands().empty());
  bench->is_storage_silent = false;
  EXPECT_EQ(raise(), "done");
}

TEST_F(GuestMounting, NeverMountsADiskWithAnotherSerial) {
  guest([](FakeGuest& guest) { guest.disks["vda"].serial = "data-2"; });
  EXPECT_EQ(
      raise(),
      "FAILED_PRECONDITION, none: /dev/vda in the guest, at the disk's address, has serial 'data-2', expected 'data-1': it is "
      "not mounted");
  EXPECT_EQ(probe().standing, Standing::Down);
  EXPECT_EQ(ran("m"), 0);
}

TEST_F(GuestMounting, LeavesAPathAloneWhereSomethingElseIsMounted) {
  guest([](FakeGuest& guest) { guest.mounts.push_back({kPath, "none", "0:30", "tmpfs", false, false}); });
  EXPECT_NE(raise().find("FAILED_PRECONDITION, none: something else (tmpfs of none) is mounted at"), std::string::npos);
  EXPECT_EQ(probe().standing, Standing::Foreign);
  EXPECT_EQ(lower(), "done");
  EXPECT_EQ(mounts().size(), 1U);
  EXPECT_EQ(ran("mkfs"), 0);
}

TEST_F(GuestMounting, DoesNotPullAMountFromUnderAnother) {
  EXPECT_EQ(raise(), "done");
  guest([](FakeGuest& guest) { guest.mounts.push_back({kPath, "none", "0:30", "tmpfs", false, false}); });
  EXPECT_EQ(probe().standing, Standing::Partial);
  EXPECT_NE(lower().find("waiting: something else (tmpfs of none)"), std::string::npos);
  EXPECT_EQ(mounts().size(), 2U);
}

TEST_F(GuestMounting, SaysWhatHidesItAndIsUnmountedWhenThatIsLifted) {
  EXPECT_EQ(raise(), "done");
  const auto above = std::string(kPath).substr(0, std::string(kPath).rfind('/'));
  guest([&](FakeGuest& guest) { guest.mounts.push_back({above, "none", "0:30", "tmpfs", false, false}); });
  const auto hidden = kPath + std::string(" in the guest is hidden by none (tmpfs) at ") + above + ": unmount that";
  EXPECT_EQ(probe().standing, Standing::Stale);
  EXPECT_EQ(probe().why, hidden);
  EXPECT_NE(raise().find("FAILED_PRECONDITION, none: " + hidden), std::string::npos);
  EXPECT_NE(lower().find("waiting: " + hidden), std::string::npos);
  EXPECT_EQ(mounts().size(), 2U);
  guest([](FakeGuest& guest) { guest.mounts.pop_back(); });
  EXPECT_EQ(probe().standing, Standing::Up);
  EXPECT_EQ(lower(), "done");
}

TEST_F(GuestMounting, MountsTheSameFileSystemAtASecondPath) {
  EXPECT_EQ(raise("/mnt/first"), "done");
  before.clear();
  EXPECT_EQ(raise("/mnt/second"), "done");
  before.clear();
  leaf.access = Access::ReadOnly;
  EXPECT_EQ(raise("/mnt/third"), "done");
  ASSERT_EQ(mounts().size(), 3U);
  EXPECT_TRUE(mounts()[2].is_read_only);
  EXPECT_FALSE(mounts()[2].is_filesystem_read_only);
  EXPECT_FALSE(mounts()[0].is_read_only);
  leaf.filesystem = "xfs";
  before.clear();
  EXPECT_NE(raise("/mnt/fourth").find("has an ext4 file system, but xfs was requested"), std::string::npos);
}

TEST_F(GuestMounting, DoesNotWriteBesideAReadOnlyMount) {
  put_filesystem();
  leaf.access = Access::ReadOnly;
  EXPECT_EQ(raise("/mnt/first"), "done");
  EXPECT_TRUE(mounts().at(0).is_filesystem_read_only);
  before.clear();
  leaf.access = Access::ReadWrite;
  EXPECT_NE(raise("/mnt/second").find("FAILED_PRECONDITION, none: the file system is mounted read-only at /mnt/first"),
            std::string::npos);
  EXPECT_FALSE(directories().contains("/mnt/second"));
}

TEST_F(GuestMounting, TakesFlagsAndPutsTheAccessLast) {
  leaf.flags = {"noatime", "commit=30"};
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(ran("mount -t ext4 -o noatime,commit=30,rw /dev/vda /mnt"), 1);
  for (const char* bad : {"rw", "remount", "bind", "a b", "x,ro", "-o\n", ""}) {
    leaf.flags = {bad};
    EXPECT_TRUE(raise("/mnt/other").starts_with("INVALID_ARGUMENT, none: mount flag")) << bad;
  }
}

TEST_F(GuestMounting, SaysWhatTheGuestSaid) {
  put_filesystem();
  guest([](FakeGuest& guest) { guest.missing_programs = {"mount"}; });
  EXPECT_EQ(raise(), "FAILED_PRECONDITION, none: the guest has no mount: install mount there");
  EXPECT_EQ(directories(), std::set<std::string>{"/mnt"});
}

TEST_F(GuestMounting, AsksForThePathBehindASymbolicLink) {
  guest([](FakeGuest& guest) { guest.links[kPath] = "/mnt/real"; });
  EXPECT_NE(
      raise().find(
          "INVALID_ARGUMENT, none: /mnt/data of web/1 in the guest goes through a symbolic link: use the real path /mnt/real"),
      std::string::npos);
  EXPECT_TRUE(mounts().empty());
  EXPECT_EQ(directories(), std::set<std::string>{"/mnt"});
  EXPECT_EQ(ran("mkfs") + ran("mkdir"), 0);
  EXPECT_TRUE(records.written.empty() && journal.kept.empty());
}

TEST_F(GuestMounting, AsksForThePathBehindASymbolicLinkOnTheWay) {
  for (const char* there : {"/srv", ""}) {
    guest([&](FakeGuest& guest) { guest.links["/mnt/data of web"] = there; });
    const auto answer = raise();
    EXPECT_TRUE(answer.starts_with("INVALID_ARGUMENT, none: /mnt/data of web/1 in the guest goes through a symbolic")) << answer;
    EXPECT_NE(answer.find(*there == '\0' ? "missing target" : "use the real path /srv/1"), std::string::npos) << answer;
  }
  EXPECT_EQ(ran("mkfs") + ran("mkdir"), 0);
}

TEST_F(GuestMounting, MountsOnlyOnADirectory) {
  guest([](FakeGuest& guest) { guest.directories.insert("/mnt/data of web"), guest.files = {kPath}; });
  EXPECT_EQ(raise(), std::string("FAILED_PRECONDITION, none: ") + kPath + " in the guest is a regular file, not a directory");
  EXPECT_EQ(ran("mkfs") + ran("mkdir") + ran("mount"), 0);
}

TEST_F(GuestMounting, HidesNoFiles) {
  for (const bool has_find : {true, false}) {
    guest([&](FakeGuest& guest) {
      guest.directories = {"/mnt", "/etc"}, guest.files = {"/etc/.hosts"};
      if (!has_find) guest.missing_programs = {"find"};
    });
    EXPECT_EQ(raise("/etc"),
              "FAILED_PRECONDITION, none: /etc in the guest is not empty: a mount would hide its contents; use another path, or "
              "empty it");
  }
  EXPECT_TRUE(mounts().empty());
  EXPECT_EQ(ran("mkfs") + ran("mkdir"), 0);
  EXPECT_TRUE(records.written.empty() && journal.kept.empty());
  guest([](FakeGuest& guest) { guest.files.clear(); });
  EXPECT_EQ(raise("/etc"), "done");
}

TEST_F(GuestMounting, LooksIntoADirectoryAlsoBeforeASecondMount) {
  EXPECT_EQ(raise("/mnt/first"), "done");
  guest([](FakeGuest& guest) {
    guest.files = {"/mnt/first/in the volume", "/mnt/second/theirs"};
    guest.directories.insert("/mnt/second");
  });
  EXPECT_EQ(raise("/mnt/first"), "done");  // already mounted: its contents are the volume's
  before.clear();
  EXPECT_NE(raise("/mnt/second").find("is not empty"), std::string::npos);
  EXPECT_EQ(mounts().size(), 1U);
}

TEST_F(GuestMounting, GrowsWhenTheGuestSeesTheNewSize) {
  EXPECT_EQ(raise(), "done");
  spec.size_bytes *= 2;
  EXPECT_EQ(probe().standing, Standing::Stale);
  EXPECT_EQ(raise(), "waiting: the guest has not seen the disk's new size yet");
  files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
  guest([](FakeGuest& guest) { guest.missing_programs = {"resize2fs"}; });
  EXPECT_EQ(raise(),
            "FAILED_PRECONDITION, unknown: the file system is mounted but was not grown: the guest has no resize2fs: install "
            "e2fsprogs there");
  guest([](FakeGuest& guest) { guest.missing_programs.clear(); });
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(ran("resize2fs /dev/vda"), 1);
  EXPECT_EQ(probe().standing, Standing::Up);
}

TEST_F(GuestMounting, GrowsWhatGrewWhileItWasUnmounted) {
  put_filesystem();
  spec.size_bytes *= 2;
  files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(ran("resize2fs /dev/vda"), 1);
}

TEST_F(GuestMounting, DoesNotGrowWhatIsLargeEnough) {
  put_filesystem();
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(ran("resize2fs"), 0);
}

TEST_F(GuestMounting, WaitsForABusyMountAndNamesTheWayOut) {
  EXPECT_EQ(raise(), "done");
  guest([](FakeGuest& guest) { guest.busy_paths = {kPath}; });
  EXPECT_EQ(lower(), "waiting: /mnt/data of web/1 in the guest is in use: close what uses it, or detach with --force");
  EXPECT_TRUE(lower(LowerReason::GapBelow).starts_with("FAILED_PRECONDITION, none: /mnt/data of web/1 in the guest is in use"));
  EXPECT_EQ(probe().standing, Standing::Up);
  const int answers = agent->answers();
  EXPECT_EQ(lower(LowerReason::Forced), "done");
  EXPECT_EQ(agent->answers(), answers);  // the agent was not used
}

TEST_F(GuestMounting, KnowsItsMountWhenTheDiskHasGone) {
  EXPECT_EQ(raise(), "done");
  below.erase("guest.pci");
  guest([](FakeGuest& guest) { guest.disks.clear(); });
  EXPECT_EQ(lower(LowerReason::GapBelow), "done");
  EXPECT_TRUE(mounts().empty());
}

// After a crash between the commit of a detach and the unmount, the daemon probes a leaf that is no longer desired.
TEST_F(GuestMounting, IsUpWhereNobodyDesiresItAnyMore) {
  ASSERT_EQ(raise(), "done");
  auto asked = call(kPath);
  asked.leaf = nullptr;
  const auto found = rung.probe(asked);
  EXPECT_EQ(found.standing, Standing::Up) << found.why;
  EXPECT_EQ(VmBench::text(rung.lower(asked)), "done");
  EXPECT_TRUE(mounts().empty());
}

TEST_F(GuestMounting, AMuteAgentProvesNothing) {
  EXPECT_EQ(raise(), "done");
  guest([](FakeGuest& guest) { guest.is_silent = true; });
  limit = milliseconds(300);
  const auto found = probe();
  EXPECT_EQ(found.standing, Standing::Unknown);
  EXPECT_NE(found.why.find("does not answer"), std::string::npos);
  EXPECT_TRUE(raise().starts_with("UNAVAILABLE, none: the guest agent of VM web-0 does not answer"));
  EXPECT_NE(lower().find("--force"), std::string::npos);
  EXPECT_TRUE(lower().starts_with("UNAVAILABLE, none: "));
}

TEST_F(GuestMounting, AVmWithoutAnAgentIsRefused) {
  agent.reset();
  EXPECT_TRUE(raise().starts_with("FAILED_PRECONDITION, none: VM web-0 has no guest agent socket at "));
  EXPECT_EQ(lower(LowerReason::Forced), "done");
}

TEST_F(GuestMounting, AnotherVmHasNothingOfTheFirst) {
  EXPECT_EQ(raise(), "done");
  const auto commands = agent->answers();
  before["process.start"] = "1";
  EXPECT_EQ(probe().standing, Standing::Down);
  EXPECT_EQ(lower(), "done");
  EXPECT_EQ(agent->answers(), commands);
}

TEST_F(GuestMounting, LeavesAPausedGuestAlone) {
  qemu.set_run_state("paused");
  ASSERT_TRUE(bench->events.wait_until([&] { return bench->vms.find("web-0")->sight().run_state == "paused"; }));
  EXPECT_TRUE(raise().starts_with("waiting: VM web-0 is paused"));
  EXPECT_TRUE(lower().starts_with("waiting: VM web-0 is paused"));
  EXPECT_EQ(probe().standing, Standing::Unknown);
}

TEST_F(GuestMounting, GivesUpWhenTheDesiredStateHasChanged) {
  stop.request_stop();
  EXPECT_TRUE(raise().starts_with("CANCELLED, none:"));
  EXPECT_EQ(ran(""), 0);
}

TEST_F(GuestMounting, DoesNotKnowWhatAMkfsPastItsDeadlineDid) {
  guest([](FakeGuest& guest) { guest.looks_per_program = 1'000'000; });
  limit = milliseconds(2000);
  EXPECT_TRUE(raise().starts_with("DEADLINE_EXCEEDED, unknown: "));
}

TEST(GuestPath, IsAbsoluteAndNormal) {
  for (const char* good : {"/a", "/mnt/a b", "/srv/..a/.b", "/ü"}) EXPECT_TRUE(check_guest_path(good).ok()) << good;
  const std::string longest = "/" + std::string(1024, 'x');
  for (const std::string& bad : {std::string(), std::string("/"), std::string("a"), std::string("/a/"), std::string("//a"),
                                 std::string("/a//b"), std::string("/a/../b"), std::string("/a/.."), std::string("/./a"),
                                 std::string("/a\nb"), std::string("/a\0b", 4), longest}) {
    const auto checked = check_guest_path(bad);
    ASSERT_FALSE(checked.ok()) << bad;
    EXPECT_EQ(checked.error().code, Code::InvalidArgument);
    EXPECT_EQ(checked.error().message.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace blockplug::testing
