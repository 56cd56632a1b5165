// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_format.h"

#include "hotplug/host/helper/program.h"
#include "tests/hotplug/guest/guest_world.h"

namespace blockplug::testing {
namespace {
using State = FormatRecord::State;
using Kind = Contents::Kind;

Contents filesystem(const std::string& type, const std::string& uuid = "u-1") {
  return {.kind = Kind::Filesystem, .filesystem = type, .uuid = uuid, .has_signature = true, .what = "an " + type + " file system"};
}
const Contents kBlank{.kind = Kind::Blank};
const Contents kTable{.kind = Kind::Other, .has_signature = true, .what = "a partition table (gpt)"};
const Contents kBytes{.kind = Kind::Other, .what = "unrecognised data"};
const FormatRecord kNever, kFormatting{State::Formatting, "ext4", "u-1"}, kFormatted{State::Formatted, "ext4", "u-1"};

std::string text(const FormatAnswer& answer) {
  if (std::holds_alternative<UseIt>(answer)) return "use";
  if (const auto* wanted = std::get_if<MakeIt>(&answer))
    return "make " + wanted->filesystem + " " + wanted->uuid + (wanted->is_repeated ? " again" : "");
  const auto& error = std::get<Error>(answer);
  EXPECT_EQ(error.effect, Effect::None);
  EXPECT_EQ(error.code, Code::FailedPrecondition);
  return error.message;
}

TEST(GuestFormat, MakesAFileSystemOnlyWhereAllProofsAgree) {
  auto dirty = filesystem("ext4");
  dirty.is_clean = false;
  constexpr auto kWrite = Access::ReadWrite, kRead = Access::ReadOnly;
  struct Row {
    const char* name;
    Contents contents;
    FormatRecord record;
    bool is_never_written;
    Access access;
    const char* desired;
    const char* begins;
    bool is_resumable{};
  };
  const std::vector<Row> rows{
      {"new volume", kBlank, kNever, true, kWrite, "auto", "make ext4 "},
      {"new volume, xfs", kBlank, kNever, true, kWrite, "xfs", "make xfs "},
      {"blank ends, written to", kBlank, kNever, false, kWrite, "auto", "the volume reads as blank, but that cannot be verified"},
      {"blank, read-only", kBlank, kNever, true, kRead, "auto", "the volume has no file system, and a read-only attach"},
      {"blank, interrupted, read-only", kBlank, kFormatting, true, kRead, "auto",
       "the volume has no file system, and a read-only attach"},
      {"blank after it was formatted", kBlank, kFormatted, true, kWrite, "auto",
       "the volume was formatted (ext4) and now reads as blank"},
      {"interrupted before the first byte", kBlank, kFormatting, false, kWrite, "auto", "make ext4 u-1 again", true},
      {"interrupted in an earlier life, unwritten", kBlank, kFormatting, true, kWrite, "auto", "make ext4 "},
      {"interrupted in an earlier life, blank ends", kBlank, kFormatting, false, kWrite, "auto",
       "the volume reads as blank, but that cannot be verified"},
      {"interrupted in the middle", kBytes, kFormatting, false, kWrite, "ext4", "make ext4 u-1 again", true},
      {"interrupted in the middle, in an earlier life", kBytes, kFormatting, true, kWrite, "ext4",
       "the volume was being formatted as ext4 (u-1) and now has unrecognised data, which is not overwritten: wipe it"},
      {"interrupted, then another is desired", kBytes, kFormatting, false, kWrite, "xfs", "make xfs u-1 again", true},
      {"interrupted in an earlier life, then another", kBytes, kFormatting, true, kWrite, "xfs",
       "the volume was being formatted as ext4 (u-1)"},
      {"interrupted in the middle, read-only", kBytes, kFormatting, false, kRead, "auto",
       "the volume has no file system, and a read-only attach", true},
      {"interrupted at the end", filesystem("ext4"), kFormatting, false, kWrite, "auto", "use"},
      {"interrupted, then somebody else's", filesystem("xfs", "u-2"), kFormatting, false, kWrite, "auto", "use"},
      {"interrupted, then a partition table", kTable, kFormatting, false, kWrite, "auto",
       "the volume has a partition table (gpt), which Blockplug neither", true},
      {"bytes", kBytes, kNever, true, kWrite, "auto", "the volume has unrecognised data, which Blockplug neither"},
      {"bytes after it was formatted", kBytes, kFormatted, true, kWrite, "auto", "the volume has unrecognised data"},
      {"a partition table", kTable, kNever, true, kWrite, "ext4", "the volume has a partition table (gpt)"},
      {"ours", filesystem("ext4"), kFormatted, false, kWrite, "auto", "use"},
      {"ours, by name", filesystem("ext4"), kFormatted, false, kWrite, "ext4", "use"},
      {"ours, read-only", filesystem("ext4"), kFormatted, false, kRead, "auto", "use"},
      {"theirs", filesystem("xfs"), kNever, false, kWrite, "auto", "use"},
      {"another than desired", filesystem("xfs"), kNever, false, kWrite, "ext4",
       "the volume has an xfs file system, but ext4 was requested"},
      {"none of the two", filesystem("ntfs"), kNever, false, kWrite, "auto",
       "the volume has an ntfs file system; only ext4 and xfs"},
      {"not clean", dirty, kFormatted, false, kWrite, "auto", "use"},
      {"not clean, read-only", dirty, kFormatted, false, kRead, "auto",
       "the volume has an ext4 file system that was not unmounted cleanly"},
      {"what nobody makes", kBlank, kNever, true, kWrite, "btrfs", "'btrfs' is not supported"},
  };
  for (const auto& row : rows) {
    const std::string desired = row.desired;
    const auto answer = text(decide({row.contents, row.record, row.is_never_written, row.is_resumable, row.access, desired}));
    EXPECT_TRUE(answer.starts_with(row.begins)) << row.name << ": " << answer;
    EXPECT_TRUE(row.is_resumable || !answer.ends_with(" again")) << row.name << ": " << answer;
  }
  const std::string any = "auto";
  EXPECT_EQ(text(decide({dirty, kFormatted, false, false, kRead, any, true})), "use") << "without its journal, as asked for";
}

const std::string kFeatures =
    "-O none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,"
    "extra_isize,metadata_csum";

class GuestFormatting : public GuestWorld {
 protected:
  std::string bytes_of_disk() const {
    std::ifstream file(disk_file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // mkfs dies and leaves data that is not a file system yet.
  std::string cut_mkfs_short() {
    records.on_set = [&] { records.is_unwritten = false; };
    guest([](FakeGuest& guest) { guest.mkfs_leaves = std::string(70'000, 'x'); });
    const auto answer = raise();
    guest([](FakeGuest& guest) { guest.mkfs_leaves.clear(); });
    EXPECT_EQ(records.record.state, State::Formatting);
    return answer;
  }
};

TEST_F(GuestFormatting, MakesANewFileSystemOnceAndWritesDownBothEnds) {
  records.on_set = [&] { EXPECT_EQ(ran("mkfs.ext4 -q"), static_cast<int>(records.written.size()) - 1); };
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(records.written, (std::vector<std::string>{"formatting ext4", "formatted ext4"}));
  EXPECT_EQ(ran("mkfs.ext4 -q -m0 -U " + records.record.uuid + " -E nodiscard,lazy_journal_init=1 -O none,has_journal,"), 1);
  EXPECT_EQ(ran("sync /dev/vda"), 1);
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(ran("mkfs.ext4 -q"), 1);
}

TEST_F(GuestFormatting, MakesAnXfs) {
  spec.size_bytes = 320 * kMebibyte;
  files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
  leaf.filesystem = "xfs";
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(mounts().at(0).filesystem, "xfs");
  EXPECT_EQ(before.at("mount.filesystem"), "xfs");
  EXPECT_EQ(records.written.back(), "formatted xfs");
}

TEST_F(GuestFormatting, TakesAnXfsWhoseMkfsHasNotEndedForHalfMade) {
  spec.size_bytes = 320 * kMebibyte;
  files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
  leaf.filesystem = "xfs";
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
  records.record.state = State::Formatting;
  before = {{"mount.formatting", records.record.uuid}};
  write(126, std::string(1, '\1'));
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(ran("mkfs.xfs -q -K -m uuid=" + records.record.uuid + " -i nrext64=0 -f /dev/vda"), 1);
}

TEST_F(GuestFormatting, NeverMakesAnewAHalfMadeXfsOfAnEarlierLife) {
  spec.size_bytes = 320 * kMebibyte;
  files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
  leaf.filesystem = "xfs";
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
  records.record.state = State::Formatting;
  before.clear();
  write(126, std::string(1, '\1'));
  EXPECT_NE(raise().find("and now has an incomplete xfs file system, which is not overwritten"), std::string::npos);
  EXPECT_EQ(ran("mkfs.xfs -q"), 1);
}

TEST_F(GuestFormatting, NamesTheFeaturesOfAFileSystemThatTheGuestsKernelRefuses) {
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
  EXPECT_EQ(run_program({"debugfs", "-w", "-R", "feature FEATURE_I20 casefold", disk_file()})->exit_status, 0);
  const auto bytes = bytes_of_disk();
  for (const auto* words :
       {"mount: wrong fs type, bad option, bad superblock on /dev/vda", "mounting /dev/vda failed: Invalid argument"}) {
    guest([&](FakeGuest& guest) { guest.mount_says = words; });
    const auto said = raise();
    EXPECT_NE(said.find("FAILED_PRECONDITION, none: mount /dev/vda at "), std::string::npos) << said;
    EXPECT_NE(said.find("features that the guest's kernel does not know or was built without: casefold, FEATURE_I20. It is not "
                        "damaged, and nothing was changed: use a newer kernel"),
              std::string::npos)
        << said;
  }
  guest([](FakeGuest& guest) { guest.mount_says = "mount: unknown filesystem type 'ext4'"; });
  EXPECT_NE(raise().find("the guest's kernel does not support ext4 (run `modprobe ext4` there)"), std::string::npos);
  EXPECT_TRUE(bytes == bytes_of_disk());
}

// Its own mkfs had finished, unseen; an older e2fsck cannot tell.
TEST_F(GuestFormatting, DoesNotMakeAgainWhatThisE2fsckIsTooOldFor) {
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
  records.record.state = State::Formatting;
  before = {{"mount.formatting", records.record.uuid}};
  EXPECT_EQ(run_program({"debugfs", "-w", "-R", "feature FEATURE_I20", disk_file()})->exit_status, 0);
  guest([](FakeGuest& guest) { guest.commands.clear(); });
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(ran("e2fsck"), 1);
  EXPECT_EQ(ran("mkfs.ext4 -q"), 0);
}

TEST_F(GuestFormatting, RefusesWhatWasWrittenToBeforeItWasPlugged) {
  below["image.never_written"] = "false";
  EXPECT_NE(raise().find("FAILED_PRECONDITION, none: the volume reads as blank, but that cannot be verified"), std::string::npos);
  EXPECT_EQ(ran("mkfs"), 0);
  EXPECT_TRUE(records.written.empty());
}

TEST_F(GuestFormatting, RefusesWhatWasWrittenToSinceItWasPlugged) {
  records.is_unwritten = false;
  EXPECT_NE(raise().find("that cannot be verified"), std::string::npos);
  EXPECT_EQ(ran("mkfs"), 0);
}

TEST_F(GuestFormatting, RefusesBytesAtEitherEnd) {
  for (const std::int64_t offset : {std::int64_t{4096}, std::int64_t{900'000}, 16 * kMebibyte - 900'000, 16 * kMebibyte - 1}) {
    write(offset, "x");
    EXPECT_NE(raise().find("unrecognised data"), std::string::npos) << offset;
    write(offset, std::string(1, '\0'));
  }
  EXPECT_EQ(ran("mkfs"), 0);
  EXPECT_TRUE(mounts().empty());
}

TEST_F(GuestFormatting, ResumesAnInterruptedMkfs) {
  EXPECT_EQ(cut_mkfs_short(), "UNAVAILABLE, unknown: mkfs.ext4 /dev/vda in the guest was ended by signal 9; it will be run again");
  const auto uuid = records.record.uuid;
  EXPECT_EQ(before.at("mount.formatting"), uuid);
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(records.record, (FormatRecord{State::Formatted, "ext4", uuid}));
  EXPECT_FALSE(before.contains("mount.formatting"));
}

TEST_F(GuestFormatting, KeepsTheFactBeforeTheRecord) {
  before["mount.made"] = "/mnt/data of web";
  records.on_set = [&] {
    ASSERT_FALSE(journal.kept.empty());
    EXPECT_EQ(journal.kept.front(), (Facts{{"mount.made", "/mnt/data of web"}, {"mount.formatting", records.record.uuid}}));
  };
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(records.written.size(), 2U);
}

TEST_F(GuestFormatting, NeverFormatsOverBytesAfterTheRungsLife) {
  cut_mkfs_short();
  const auto record = records.record;
  EXPECT_EQ(lower(), "done");
  for (const Facts& facts : {Facts{}, Facts{{"mount.formatting", "another"}}}) {
    before = facts;
    EXPECT_NE(raise().find("FAILED_PRECONDITION, none: the volume was being formatted as ext4 (" + record.uuid +
                           ") and now has unrecognised data"),
              std::string::npos);
  }
  EXPECT_EQ(ran("mkfs.ext4 -q"), 1);
  EXPECT_EQ(records.record, record);
}

TEST_F(GuestFormatting, AsksForAllProofsOfABlankVolumeThatWasBeingFormatted) {
  records.record = {State::Formatting, "ext4", "6a1bd1f2-3a52-4b66-93a1-0f6d5a6f9a01"};
  records.is_unwritten = false;
  EXPECT_NE(raise().find("that cannot be verified"), std::string::npos);
  EXPECT_EQ(ran("mkfs.ext4 -q"), 0);
  records.is_unwritten = true;
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(records.record.state, State::Formatted);
}

TEST_F(GuestFormatting, RemembersByAProbeWhatItMayResume) {
  cut_mkfs_short();
  auto found = probe();
  EXPECT_EQ(found.standing, Standing::Partial);
  EXPECT_TRUE(found.facts.empty());
  EXPECT_EQ(found.why, "an earlier attempt was interrupted");
  EXPECT_EQ(lower(), "done");
  EXPECT_EQ(raise(), "done");
  before["mount.formatting"] = records.record.uuid;
  found = probe();
  EXPECT_EQ(found.standing, Standing::Up);
  EXPECT_FALSE(found.facts.contains("mount.formatting"));
}

TEST_F(GuestFormatting, WritesNothingDownWhereTheVolumeIsTooSmall) {
  spec.size_bytes = 100 * kMebibyte;
  files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
  leaf.filesystem = "xfs";
  EXPECT_EQ(raise(),
            "INVALID_ARGUMENT, none: an xfs file system needs at least 300 MiB (mkfs.xfs's own limit); the volume has 100 MiB: "
            "expand it, or use ext4");
  spec.size_bytes = kMebibyte / 2;
  files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
  leaf.filesystem = "ext4";
  EXPECT_EQ(raise(), "INVALID_ARGUMENT, none: an ext4 file system needs at least 1 MiB; the volume has 524288 bytes: expand it");
  EXPECT_TRUE(records.written.empty());
  EXPECT_TRUE(journal.kept.empty());
  EXPECT_EQ(ran("mkfs"), 0);
}

TEST_F(GuestFormatting, TakesBackTheRecordOfARefusedMkfsThatWroteNothing) {
  guest([](FakeGuest& guest) { guest.mkfs_says = "mkfs.ext4: invalid option"; });
  EXPECT_EQ(raise(), "FAILED_PRECONDITION, none: mkfs.ext4 /dev/vda in the guest: mkfs.ext4: invalid option");
  EXPECT_EQ(records.written, (std::vector<std::string>{"formatting ext4", "never"}));
  EXPECT_FALSE(before.contains("mount.formatting"));
  EXPECT_EQ(probe().standing, Standing::Down);
  EXPECT_EQ(ran("sync /dev/vda"), 2);  // the second time after mkfs
}

TEST_F(GuestFormatting, KeepsTheRecordOfARefusedMkfsThatWasAResume) {
  cut_mkfs_short();
  records.is_unwritten = true;
  records.on_set = [] {};
  guest([](FakeGuest& guest) { guest.mkfs_says = "mkfs.ext4: no"; });
  EXPECT_NE(raise().find("mkfs.ext4: no"), std::string::npos);
  EXPECT_EQ(records.record.state, State::Formatting);
  EXPECT_TRUE(before.contains("mount.formatting"));
}

TEST_F(GuestFormatting, TakesOverAMkfsThatEndedUnseen) {
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
  records.record.state = State::Formatting;
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(records.record.state, State::Formatted);
  EXPECT_EQ(ran("mkfs.ext4 -q"), 1);
}

TEST_F(GuestFormatting, LiftsTheLimitsForMkfsAloneAndAppliesThemAgain) {
  qemu.put_group("bp.local.data-1", {{"bps-total", 1000}, {"iops-total", 0}});
  spec.limits = {{"bytes_per_second", 1000}};
  std::vector<std::string> seen;
  records.on_set = [&] { seen.push_back(qemu.limits_of_group("bp.local.data-1")); };
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(seen, (std::vector<std::string>{R"({"bps-total":0,"iops-total":0})", R"({"bps-total":1000,"iops-total":0})"}));

  records.record = {State::Formatting, "ext4", records.record.uuid};
  EXPECT_EQ(lower(), "done");
  before = {{"mount.formatting", records.record.uuid}};
  qemu.put_group("bp.local.data-1", {{"bps-total", 0}, {"iops-total", 0}});
  EXPECT_EQ(raise(), "done") << "the daemon died while they were lifted";
  EXPECT_EQ(qemu.limits_of_group("bp.local.data-1"), R"({"bps-total":1000,"iops-total":0})");
}

// The guest was reset while mkfs wrote: the superblock is there, other parts are not.
TEST_F(GuestFormatting, MakesAnExt4AgainWhoseSuperblockCameBeforeTheRest) {
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
  records.record.state = State::Formatting;
  const auto record = records.record;
  write(4096, std::string(65'536, '\xff'));
  before.clear();
  EXPECT_NE(
      raise().find("was being formatted as ext4 (" + record.uuid + ") and now has an incomplete ext4 file system, which is not"),
      std::string::npos)
      << "it was given up, so it may have been used since";
  EXPECT_EQ(records.record, record);
  before = {{"mount.formatting", record.uuid}};
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(ran("mkfs.ext4 -q -m0 -U " + record.uuid + " -E nodiscard " + kFeatures + " -F /dev/vda"), 1);
  EXPECT_EQ(records.record.state, State::Formatted);
}

TEST_F(GuestFormatting, MakesAnExt4AgainThatCannotBeCheckedForWantOfE2fsck) {
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
  records.record.state = State::Formatting;
  before = {{"mount.formatting", records.record.uuid}};
  guest([](FakeGuest& guest) { guest.missing_programs = {"e2fsck"}; });
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(ran("mkfs.ext4 -q"), 2);
}

TEST_F(GuestFormatting, WaitsForAMkfsThatStillRuns) {
  guest([](FakeGuest& guest) { guest.busy_paths = {"/dev/vda"}; });
  EXPECT_TRUE(raise().starts_with("waiting: mkfs is still running in the guest"));
  guest([](FakeGuest& guest) { guest.busy_paths.clear(); });
  EXPECT_EQ(raise(), "done");
}

TEST_F(GuestFormatting, WritesNothingDownWhereTheGuestHasNoMkfs) {
  guest([](FakeGuest& guest) { guest.missing_programs = {"mkfs.ext4"}; });
  EXPECT_EQ(raise(),
            "FAILED_PRECONDITION, none: the guest has no mkfs.ext4: install e2fsprogs there, or attach the volume to a "
            "host path first to have it formatted");
  EXPECT_TRUE(records.written.empty());
}

TEST_F(GuestFormatting, NeverFormatsForAReadOnlyDesiredState) {
  leaf.access = Access::ReadOnly;
  EXPECT_NE(raise().find("a read-only attach does not format it"), std::string::npos);
  leaf.access = Access::ReadWrite;
  spec.access = Access::ReadOnly;
  EXPECT_NE(raise().find("a read-only attach does not format it"), std::string::npos);
  EXPECT_EQ(ran("mkfs"), 0);
}

}  // namespace
}  // namespace blockplug::testing
