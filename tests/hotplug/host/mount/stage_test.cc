// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/stage.h"

#include <csignal>

#include "hotplug/host/mount/target_path.h"
#include "hotplug/rungs.h"
#include "tests/hotplug/host/mount/stage_bench.h"

namespace blockplug::testing {
namespace {
class Stage : public StageBench {};

TEST_F(Stage, FormatsABlankVolumeJustOnceAndMountsIt) {
  make_volume(16 * kMebibyte);
  ASSERT_EQ(raise_stage(), "done");
  const auto there = mounted_at(place());
  ASSERT_TRUE(there);
  EXPECT_EQ(there->number, loop->number());
  EXPECT_EQ(there->filesystem, "ext4");
  EXPECT_FALSE(there->is_read_only());
  EXPECT_EQ(records.history, (std::vector<std::string>{"formatting ext4 " + staged.before["mount.uuid"],
                                                       "formatted ext4 " + staged.before["mount.uuid"]}));
  EXPECT_EQ(staged.before["mount.path"], place());
  EXPECT_EQ(staged.before["mount.size_bytes"], std::to_string(16 * kMebibyte));
  EXPECT_EQ(probe_stage().standing, Standing::Up);
  std::ofstream{place() + "/file"} << "hello";
  ASSERT_EQ(lower_stage(), "done");
  EXPECT_FALSE(files::exists(scratch.at("stages")));
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(all_bytes(place() + "/file"), "hello");
  EXPECT_EQ(records.history.size(), 2U);
}

// Otherwise other users of the host could run the setuid programs of a tenant's file system.
TEST_F(Stage, LetsNobodyElseIntoItsOwnDirectory) {
  make_volume(16 * kMebibyte);
  ASSERT_EQ(raise_stage(), "done");
  for (const char* made : {"stages", "stages/local"})
    EXPECT_EQ(files::status(scratch.at(made)).permissions(), files::perms(0700)) << made;
  ASSERT_EQ(lower_stage(), "done");
  spec.staging_path = scratch.at("kubelet/a/globalmount");  // whoever chose it says who may enter
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(files::status(scratch.at("kubelet/a")).permissions(), files::perms(0755));
  ASSERT_EQ(lower_stage(), "done");
}

TEST_F(Stage, RaisesAndLowersAgainWithTheSameEnd) {
  make_volume(16 * kMebibyte);
  EXPECT_EQ(lower_stage(), "done");
  EXPECT_EQ(probe_stage().standing, Standing::Down);
  ASSERT_EQ(raise_stage(), "done");
  const auto facts = staged.before;
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(staged.before, facts);
  EXPECT_EQ(probe_stage().facts, facts);
  EXPECT_EQ(lower_stage(), "done");
  EXPECT_EQ(lower_stage(), "done");
  EXPECT_EQ(probe_stage().standing, Standing::Down);
}

TEST_F(Stage, MakesAnXfsAndMountsWhatIsThereForAuto) {
  make_volume(300 * kMebibyte);
  spec.filesystem = "xfs";
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(mounted_at(place())->filesystem, "xfs");
  ASSERT_EQ(lower_stage(), "done");
  spec.filesystem = "auto";
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(staged.before["mount.filesystem"], "xfs");
  EXPECT_EQ(records.history.size(), 2U);
}

TEST_F(Stage, SaysThatAnXfsNeeds300MebibytesBeforeItRecordsAnything) {
  make_volume(16 * kMebibyte);
  spec.filesystem = "xfs";
  expect_refused(
      "INVALID_ARGUMENT, none: an xfs file system needs at least 300 MiB (mkfs.xfs's own limit); the volume has 16 MiB: expand "
      "it");
  EXPECT_TRUE(records.history.empty());
}

TEST_F(Stage, SaysThatAnExt4NeedsAMebibyte) {
  make_volume(512 * 1024);
  expect_refused("an ext4 file system needs at least 1 MiB; the volume has 524288 bytes");
  EXPECT_TRUE(records.history.empty());
}

TEST_F(Stage, NeverFormatsWhatIsNotBlank) {
  struct Row {
    const char* what;
    std::function<void(const std::string&)> put;
  };
  const Row rows[] = {
      {"crypto_LUKS", [](const std::string& file) { put_bytes(file, 0, std::string("LUKS\xba\xbe\0\x01", 8)); }},
      {"swap",
       [](const std::string& file) {
         must({"mkswap", file});
       }},
      {"unrecognised data", [](const std::string& file) { put_bytes(file, kMebibyte, "precious"); }},
      {"unrecognised data", [](const std::string& file) { put_bytes(file, 16 * kMebibyte - 8, "precious"); }},
      {"a partition table (dos)",
       [](const std::string& file) {
         must({"sh", "-c", "echo size=4M | sfdisk -q -X dos " + file});
       }},
  };
  for (const auto& row : rows) {
    loop.reset();
    files::remove(scratch.at("image"));
    make_volume(16 * kMebibyte);
    row.put(image);
    map_image();
    expect_refused(std::string("FAILED_PRECONDITION, none: ") + loop->device() + " has ");
    expect_refused(row.what);
    expect_refused("not formatting it. To reuse it, save its data and wipe it by hand (`wipefs -a`); or use another volume");
  }
  EXPECT_TRUE(records.history.empty());
}

TEST_F(Stage, DoesNotTakeAnotherFileSystemThanTheOneAskedFor) {
  make_volume(32 * kMebibyte, {"mkfs.xfs", "--unsupported", "-q"});
  expect_refused("has an xfs file system, but ext4 was requested: use --fs xfs");
}

TEST_F(Stage, TakesNoFileSystemThatItDoesNotKnow) {
  make_volume(16 * kMebibyte, {"mkfs.ext4", "-q", "-t", "ext2"});
  spec.filesystem = "auto";
  expect_refused("has an ext2 file system, but ext4 or xfs was requested");
}

TEST_F(Stage, DoesNotFormatForAReadOnlyDesiredState) {
  make_volume(16 * kMebibyte, {}, {"--read-only"});
  spec.access = Access::ReadOnly;
  expect_refused("is blank, and a read-only attach does not format it");
  records.record = {RecordState::Formatting, "ext4", kUuid};
  expect_refused("is blank, and a read-only attach does not format it");
}

TEST_F(Stage, MountsReadOnlyWithoutChangingAByte) {
  make_volume(16 * kMebibyte, {"mkfs.ext4", "-q"}, {"--read-only"});
  spec.access = Access::ReadOnly;
  const auto before = all_bytes(image);
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_TRUE(mounted_at(place())->is_read_only());
  EXPECT_FALSE(std::ofstream{place() + "/file"}.is_open());
  EXPECT_EQ(probe_stage().standing, Standing::Up);
  spec.access = Access::ReadWrite;
  EXPECT_EQ(probe_stage().standing, Standing::Stale);
  EXPECT_HAS(raise_stage(), "read-only, desired: read-write; detach it first");
  spec.access = Access::ReadOnly;
  ASSERT_EQ(lower_stage(), "done");
  EXPECT_TRUE(all_bytes(image) == before);
}

TEST_F(Stage, MountsADirtyFileSystemAfterRepairingItButNotReadOnly) {
  make_volume(16 * kMebibyte);
  make_dirty();
  map_image({"--read-only"});
  spec.access = Access::ReadOnly;
  expect_refused(
      "its file system was not unmounted cleanly, and a read-only mount does not replay the journal: attach it read-write once, or "
      "see it as it is with --mount-flags noload");
  const auto before = all_bytes(image);
  for (const auto* flag : {"noload", "norecovery"}) {
    spec.flags = {flag};
    EXPECT_EQ(raise_stage(), "done") << flag;
    EXPECT_EQ(lower_stage(), "done");
    EXPECT_TRUE(all_bytes(image) == before) << flag << " writes";
  }
  spec.flags.clear();
  map_image();
  spec.access = Access::ReadWrite;
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(all_bytes(place() + "/file"), "hello");
}

TEST_F(Stage, DoesNotReplayADirtyXfsForAReadOnlyDesiredState) {
  make_volume(300 * kMebibyte);
  spec.filesystem = "xfs";
  make_dirty();
  map_image({"--read-only"});
  spec.access = Access::ReadOnly;
  EXPECT_HAS(raise_stage(), "FAILED_PRECONDITION, none: " + loop->device() + ": its file system was not unmounted cleanly");
  EXPECT_HAS(raise_stage(), "see it as it is with --mount-flags norecovery");
  const auto before = all_bytes(image);
  spec.flags = {"norecovery"};
  EXPECT_EQ(raise_stage(), "done");
  EXPECT_EQ(lower_stage(), "done");
  EXPECT_TRUE(all_bytes(image) == before);
  spec.flags.clear();
  map_image();
  EXPECT_HAS(raise_stage(), "is mapped read-write, but read-only was requested");
  spec.access = Access::ReadWrite;
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(all_bytes(place() + "/file"), "hello");
}

TEST_F(Stage, AsksForAPersonWhereE2fsckNeedsOne) {
  make_volume(16 * kMebibyte, {"mkfs.ext4", "-q"});
  must({"debugfs", "-w", "-R", "ssv state 2", image});  // with errors
  must({"debugfs", "-w", "-R", "clri <2>", image});     // its root directory
  const auto said = raise_stage();
  EXPECT_HAS(said, "FAILED_PRECONDITION, none: ");
  EXPECT_HAS(said, "run `e2fsck " + loop->device() + "` by hand");
  EXPECT_FALSE(mounted_at(place()));
  EXPECT_FALSE(files::exists(place()));
}

TEST_F(Stage, GrowsAnUnmountedFileSystemToItsDevice) {
  for (const std::string filesystem : {"ext4", "xfs"}) {
    SCOPED_TRACE(filesystem);
    spec.filesystem = filesystem;
    const auto small = filesystem == "ext4" ? 16 * kMebibyte : 300 * kMebibyte;
    loop.reset();
    records.record = {};
    files::remove(scratch.at("image"));
    make_volume(small);
    ASSERT_EQ(raise_stage(), "done");
    const auto before = files::space(place()).capacity;
    ASSERT_EQ(lower_stage(), "done");
    loop.reset();
    files::resize_file(image, static_cast<std::uintmax_t>(2 * small));
    map_image();
    spec.size_bytes = 2 * small;
    ASSERT_EQ(raise_stage(), "done");
    EXPECT_GT(files::space(place()).capacity, before + before / 2);
    EXPECT_EQ(staged.before["mount.size_bytes"], std::to_string(2 * small));
    ASSERT_EQ(lower_stage(), "done");
  }
}

TEST_F(Stage, GrowsAMountedFileSystemWhereTheKernelLetsIt) {
  make_volume(300 * kMebibyte);
  spec.filesystem = "xfs";
  ASSERT_EQ(raise_stage(), "done");
  files::resize_file(image, 400 * kMebibyte);
  loop->grow_with_file();
  spec.size_bytes = 400 * kMebibyte;
  EXPECT_EQ(probe_stage().standing, Standing::Stale);
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(probe_stage().standing, Standing::Up);
  EXPECT_GT(files::space(place()).capacity, 320U * kMebibyte);
}

// Online resize2fs needs CAP_SYS_RESOURCE, which not every host grants: either it grows, or the error says why not.
TEST_F(Stage, GrowsAMountedExt4OrSaysWhatIsMissing) {
  make_volume(16 * kMebibyte);
  ASSERT_EQ(raise_stage(), "done");
  files::resize_file(image, 32 * kMebibyte);
  loop->grow_with_file();
  spec.size_bytes = 32 * kMebibyte;
  const auto said = raise_stage();
  if (said != "done") {
    EXPECT_HAS(said, "FAILED_PRECONDITION, none: growing a mounted ext4 needs CAP_SYS_RESOURCE");
    EXPECT_EQ(probe_stage().standing, Standing::Stale);
  } else {
    EXPECT_EQ(probe_stage().standing, Standing::Up);
  }
}

TEST_F(Stage, IsNotStaleForALittleThatNoDeviceShows) {
  make_volume(16 * kMebibyte + 100);
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(probe_stage().standing, Standing::Up);
}

TEST_F(Stage, MountsWithTheFlagsThatWereAskedFor) {
  make_volume(16 * kMebibyte);
  spec.flags = {"noatime", "nodev", "discard", "data=ordered"};
  ASSERT_EQ(raise_stage(), "done");
  const auto table = all_bytes("/proc/self/mounts");
  const auto line = table.substr(table.find(" " + place() + " "));
  for (const char* flag : {"nodev", "noatime", "discard"}) EXPECT_HAS(line.substr(0, line.find('\n')), flag);
}

TEST_F(Stage, RefusesFlagsThatTheFileSystemDoesNotKnowOrThatNameAnotherDevice) {
  make_volume(16 * kMebibyte, {"mkfs.ext4", "-q"});
  for (const std::string flag : {"frobnicate", "frobnicate=3", "source=/dev/sda", "journal_path=/dev/sda"}) {
    spec.flags = {flag};
    expect_refused("INVALID_ARGUMENT, none: mount flag '" + flag + "'");
  }
}

TEST_F(Stage, RefusesADeviceThatIsAnotherOneNow) {
  make_volume(16 * kMebibyte);
  below["device.number"] = "7:4711";
  expect_refused("is no longer device 7:4711: it is " + loop->number());
  below["device.path"] = image;
  expect_refused("it is not a block device");
}

TEST_F(Stage, MountsTheCopyOfAnXfsBesideItsOriginal) {
  make_volume(300 * kMebibyte, {"mkfs.xfs", "-q"});
  must({"cp", image, image + ".clone"});
  const Loop clone{image + ".clone"};
  files::create_directory(scratch.at("elsewhere"));
  must({"mount", clone.device(), scratch.at("elsewhere")});
  spec.filesystem = "xfs";
  EXPECT_EQ(raise_stage(), "done");
  EXPECT_EQ(lower_stage(), "done");
  spec.flags = {"nouuid"};
  EXPECT_EQ(raise_stage(), "done");
  must({"umount", scratch.at("elsewhere")});
}

TEST_F(Stage, DoesNotTouchADeviceThatIsMountedElsewhere) {
  make_volume(16 * kMebibyte, {"mkfs.ext4", "-q"});
  files::create_directory(scratch.at("elsewhere"));
  must({"mount", loop->device(), scratch.at("elsewhere")});
  EXPECT_HAS(raise_stage(), "FAILED_PRECONDITION, none: " + loop->device() + " is already in use");
  EXPECT_FALSE(mounted_at(place()));
}

TEST_F(Stage, GoesWhereTheDesiredStateSaysAndTakesAwayOnlyWhatItMade) {
  make_volume(16 * kMebibyte);
  files::create_directory(scratch.at("given"));
  spec.staging_path = scratch.at("given");
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_TRUE(mounted_at(scratch.at("given")));
  ASSERT_EQ(lower_stage(), "done");
  EXPECT_TRUE(files::exists(scratch.at("given")));
}

TEST_F(Stage, RefusesAPlaceThatIsASymbolicLinkNotEmptyOrMounted) {
  make_volume(16 * kMebibyte, {"mkfs.ext4", "-q"});
  files::create_directory(scratch.at("full"));
  std::ofstream{scratch.at("full/file")} << "x";
  files::create_directory(scratch.at("empty"));
  files::create_symlink(scratch.at("empty"), scratch.at("link"));
  files::create_directory(scratch.at("taken"));
  must({"mount", "-t", "tmpfs", "tmpfs", scratch.at("taken")});
  for (const auto& [name, part] :
       {std::pair{"full", "is not empty"}, {"link", "is a symbolic link"}, {"taken", "has tmpfs (tmpfs) mounted on it"}}) {
    spec.staging_path = scratch.at(name);
    EXPECT_HAS(raise_stage(), part);
  }
  EXPECT_EQ(probe_stage().standing, Standing::Foreign);
  EXPECT_EQ(lower_stage(), "done");
  EXPECT_TRUE(mounted_at(scratch.at("taken"))) << "a stranger's mount was taken away";
}

TEST_F(Stage, WaitsForWhoUsesItAndLeavesAHoleInUseAlone) {
  make_volume(16 * kMebibyte);
  ASSERT_EQ(raise_stage(), "done");
  {
    std::ofstream user{place() + "/file"};
    const auto who = place() + " is in use by process " + std::to_string(::getpid()) + " (";
    EXPECT_HAS(lower_stage(), "waiting: " + who);
    EXPECT_HAS(lower_stage(LowerReason::GapBelow), "FAILED_PRECONDITION, none: " + who);
    EXPECT_EQ(probe_stage().standing, Standing::Up);
  }
  EXPECT_EQ(lower_stage(LowerReason::GapBelow), "done");
}

TEST_F(Stage, FinishesWhatACrashLeftHalfWay) {
  make_volume(16 * kMebibyte);
  ASSERT_TRUE(mount::make_target(place(), mount::Shape::Directory).ok());
  EXPECT_EQ(probe_stage().standing, Standing::Partial);
  EXPECT_EQ(lower_stage(), "done");
  EXPECT_FALSE(files::exists(scratch.at("stages")));
}

TEST_F(Stage, AdoptsAMountWhoseFactsWereNotWrittenAnyMore) {
  make_volume(16 * kMebibyte);
  ASSERT_EQ(raise_stage(), "done");
  const auto facts = staged.before;
  staged.before = {{"mount.path", facts.at("mount.path")}};
  EXPECT_EQ(probe_stage().standing, Standing::Partial);
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(staged.before, facts);
}

TEST_F(Stage, IsFoundWithoutARecordOfIt) {
  make_volume(16 * kMebibyte);
  ASSERT_EQ(raise_stage(), "done");
  const auto found = stage.survey(Clock::now() + std::chrono::minutes(1));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].what, "mount of " + loop->device() + " at " + place());
  EXPECT_EQ(found[0].key, key);
  EXPECT_TRUE(publish.survey(Clock::now() + std::chrono::minutes(1)).empty());
  staged.before = found[0].facts;
  below.clear();
  EXPECT_EQ(lower_stage(), "done");
  EXPECT_FALSE(mounted_at(place()));
}

// A helper that is blocked in the kernel, as seen by the daemon.
TEST_F(Stage, WaitsForAHelperThatWasLeftBehind) {
  make_volume(16 * kMebibyte);
  const auto script = scratch.at("hung-helper"), pid_file = scratch.at("pid");
  std::ofstream{script} << "#!/bin/sh\necho $$ > " << pid_file << ".new; mv " << pid_file << ".new " << pid_file
                        << "; exec sleep 1000\n";
  files::permissions(script, files::perms::owner_all);
  Helper hung{script, scratch.at("hung-helpers")};
  mount::Stage rung{{hung, records, watch, map, &map, scratch.at("stages")}};
  auto asked = call(staged, {rungs::kStage, {}});
  asked.deadline = Clock::now() + std::chrono::milliseconds(500);
  EXPECT_HAS(text(rung.raise(asked)), "DEADLINE_EXCEEDED, unknown: ");
  EXPECT_HAS(text(rung.raise(asked)), "waiting: ");
  EXPECT_HAS(text(rung.lower(asked)), "waiting: ");
  EXPECT_EQ(rung.probe(asked).standing, Standing::Unknown);
  ASSERT_TRUE(events.wait_until([&] { return files::exists(pid_file); }));
  ::kill(std::stoi(all_bytes(pid_file)), SIGKILL);
  EXPECT_TRUE(events.wait_until([&] { return rung.probe(asked).standing == Standing::Down; }));
}

TEST_F(Stage, OnlyLetsRootBelowAMissingMount) {
  make_volume(16 * kMebibyte);
  ASSERT_EQ(raise_stage(), "done");
  ASSERT_EQ(::umount2(place().c_str(), 0), 0);
  EXPECT_EQ(files::status(place()).permissions(), files::perms::none);
}

}  // namespace
}  // namespace blockplug::testing
