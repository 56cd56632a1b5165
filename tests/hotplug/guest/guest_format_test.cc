// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_format.h"

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
const Contents kBytes{.kind = Kind::Other, .what = "bytes of no known kind"};
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
    const char* wished;
    const char* begins;
    bool is_resumable{};
  };
  const std::vector<Row> rows{
      {"new volume", kBlank, kNever, true, kWrite, "auto", "make ext4 "},
      {"new volume, xfs", kBlank, kNever, true, kWrite, "xfs", "make xfs "},
      {"blank ends, written to", kBlank, kNever, false, kWrite, "auto", "the volume reads as blank, and it is not provably blank"},
      {"blank, read-only", kBlank, kNever, true, kRead, "auto", "the volume has no file system, and a read-only wish"},
      {"blank, interrupted, read-only", kBlank, kFormatting, true, kRead, "auto",
       "the volume has no file system, and a read-only wish"},
      {"blank after it was formatted", kBlank, kFormatted, true, kWrite, "auto",
       "the volume was formatted (ext4) and reads as blank now"},
      {"interrupted before the first byte", kBlank, kFormatting, false, kWrite, "auto", "make ext4 u-1 again", true},
      {"interrupted in an earlier life, unwritten", kBlank, kFormatting, true, kWrite, "auto", "make ext4 "},
      {"interrupted in an earlier life, blank ends", kBlank, kFormatting, false, kWrite, "auto",
       "the volume reads as blank, and it is not provably blank"},
      {"interrupted in the middle", kBytes, kFormatting, false, kWrite, "ext4", "make ext4 u-1 again", true},
      {"interrupted in the middle, in an earlier life", kBytes, kFormatting, true, kWrite, "ext4",
       "the volume was being formatted as ext4 (u-1) and now has bytes of no known kind: they are never formatted over; wipe it"},
      {"interrupted, then another is wished", kBytes, kFormatting, false, kWrite, "xfs", "make xfs u-1 again", true},
      {"interrupted in an earlier life, then another", kBytes, kFormatting, true, kWrite, "xfs",
       "the volume was being formatted as ext4 (u-1)"},
      {"interrupted in the middle, read-only", kBytes, kFormatting, false, kRead, "auto",
       "the volume has no file system, and a read-only wish", true},
      {"interrupted at the end", filesystem("ext4"), kFormatting, false, kWrite, "auto", "use"},
      {"interrupted, then somebody else's", filesystem("xfs", "u-2"), kFormatting, false, kWrite, "auto", "use"},
      {"interrupted, then a partition table", kTable, kFormatting, false, kWrite, "auto",
       "the volume has a partition table (gpt), which is neither", true},
      {"bytes", kBytes, kNever, true, kWrite, "auto", "the volume has bytes of no known kind, which is neither"},
      {"bytes after it was formatted", kBytes, kFormatted, true, kWrite, "auto", "the volume has bytes of no known kind"},
      {"a partition table", kTable, kNever, true, kWrite, "ext4", "the volume has a partition table (gpt)"},
      {"ours", filesystem("ext4"), kFormatted, false, kWrite, "auto", "use"},
      {"ours, by name", filesystem("ext4"), kFormatted, false, kWrite, "ext4", "use"},
      {"ours, read-only", filesystem("ext4"), kFormatted, false, kRead, "auto", "use"},
      {"theirs", filesystem("xfs"), kNever, false, kWrite, "auto", "use"},
      {"another than wished", filesystem("xfs"), kNever, false, kWrite, "ext4",
       "the volume has an xfs file system, and ext4 is wished"},
      {"none of the two", filesystem("ntfs"), kNever, false, kWrite, "auto",
       "the volume has an ntfs file system; only ext4 and xfs"},
      {"not clean", dirty, kFormatted, false, kWrite, "auto", "use"},
      {"not clean, read-only", dirty, kFormatted, false, kRead, "auto",
       "the volume has an ext4 file system that was not unmounted cleanly"},
      {"what nobody makes", kBlank, kNever, true, kWrite, "btrfs", "'btrfs': only ext4 and xfs"},
  };
  for (const auto& row : rows) {
    const std::string wished = row.wished;
    const auto answer = text(decide({row.contents, row.record, row.is_never_written, row.is_resumable, row.access, wished}));
    EXPECT_TRUE(answer.starts_with(row.begins)) << row.name << ": " << answer;
    EXPECT_TRUE(row.is_resumable || !answer.ends_with(" again")) << row.name << ": " << answer;
  }
}

class GuestFormatting : public GuestWorld {
 protected:
  // mkfs dies and leaves bytes that are no file system yet.
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
  EXPECT_EQ(ran("mkfs.ext4 -q -m0 -U " + records.record.uuid + " /dev/vda"), 1);
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
  EXPECT_EQ(before.at("filesystem"), "xfs");
  EXPECT_EQ(records.written.back(), "formatted xfs");
}

TEST_F(GuestFormatting, TakesAnXfsWhoseMkfsHasNotEndedForHalfMade) {
  spec.size_bytes = 320 * kMebibyte;
  files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
  leaf.filesystem = "xfs";
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
  records.record.state = State::Formatting;
  before = {{"formatting", records.record.uuid}};
  write(126, std::string(1, '\1'));
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(ran("mkfs.xfs -q -m uuid=" + records.record.uuid + " -f /dev/vda"), 1);
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
  EXPECT_NE(raise().find("and now has bytes of an xfs whose mkfs has not ended: they are never formatted over"), std::string::npos);
  EXPECT_EQ(ran("mkfs.xfs -q"), 1);
}

TEST_F(GuestFormatting, RefusesWhatWasWrittenToBeforeItWasPlugged) {
  below["hold.never_written"] = "false";
  EXPECT_NE(raise().find("FAILED_PRECONDITION, none: the volume reads as blank, and it is not provably blank"), std::string::npos);
  EXPECT_EQ(ran("mkfs"), 0);
  EXPECT_TRUE(records.written.empty());
}

TEST_F(GuestFormatting, RefusesWhatWasWrittenToSinceItWasPlugged) {
  records.is_unwritten = false;
  EXPECT_NE(raise().find("not provably blank"), std::string::npos);
  EXPECT_EQ(ran("mkfs"), 0);
}

TEST_F(GuestFormatting, RefusesBytesAtEitherEnd) {
  for (const std::int64_t offset : {std::int64_t{4096}, std::int64_t{900'000}, 16 * kMebibyte - 900'000, 16 * kMebibyte - 1}) {
    write(offset, "x");
    EXPECT_NE(raise().find("bytes of no known kind"), std::string::npos) << offset;
    write(offset, std::string(1, '\0'));
  }
  EXPECT_EQ(ran("mkfs"), 0);
  EXPECT_TRUE(mounts().empty());
}

TEST_F(GuestFormatting, ResumesAnInterruptedMkfs) {
  EXPECT_NE(cut_mkfs_short().find("FAILED_PRECONDITION, none: mkfs.ext4 /dev/vda in the guest"), std::string::npos);
  const auto uuid = records.record.uuid;
  EXPECT_EQ(before.at("formatting"), uuid);
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(records.record, (FormatRecord{State::Formatted, "ext4", uuid}));
  EXPECT_FALSE(before.contains("formatting"));
}

TEST_F(GuestFormatting, KeepsTheFactBeforeTheRecord) {
  before["made"] = "/mnt/data of web";
  records.on_set = [&] {
    ASSERT_FALSE(journal.kept.empty());
    EXPECT_EQ(journal.kept.front(), (Facts{{"made", "/mnt/data of web"}, {"formatting", records.record.uuid}}));
  };
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(records.written.size(), 2U);
}

TEST_F(GuestFormatting, NeverFormatsOverBytesAfterTheRungsLife) {
  cut_mkfs_short();
  const auto record = records.record;
  EXPECT_EQ(lower(), "done");
  for (const Facts& facts : {Facts{}, Facts{{"formatting", "another"}}}) {
    before = facts;
    EXPECT_NE(raise().find("FAILED_PRECONDITION, none: the volume was being formatted as ext4 (" + record.uuid +
                           ") and now has bytes of no known kind"),
              std::string::npos);
  }
  EXPECT_EQ(ran("mkfs.ext4 -q"), 1);
  EXPECT_EQ(records.record, record);
}

TEST_F(GuestFormatting, AsksForAllProofsOfABlankVolumeThatWasBeingFormatted) {
  records.record = {State::Formatting, "ext4", "6a1bd1f2-3a52-4b66-93a1-0f6d5a6f9a01"};
  records.is_unwritten = false;
  EXPECT_NE(raise().find("not provably blank"), std::string::npos);
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
  EXPECT_EQ(found.why, "an earlier attempt was cut short");
  EXPECT_EQ(lower(), "done");
  EXPECT_EQ(raise(), "done");
  before["formatting"] = records.record.uuid;
  found = probe();
  EXPECT_EQ(found.standing, Standing::Up);
  EXPECT_FALSE(found.facts.contains("formatting"));
}

TEST_F(GuestFormatting, WritesNothingDownWhereTheVolumeIsTooSmall) {
  spec.size_bytes = 100 * kMebibyte;
  files::resize_file(disk_file(), static_cast<std::uintmax_t>(spec.size_bytes));
  leaf.filesystem = "xfs";
  EXPECT_EQ(raise(),
            "INVALID_ARGUMENT, none: an xfs file system needs at least 300 MiB (mkfs.xfs's own limit); the volume has 100 MiB: "
            "expand it, or ask for ext4");
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
  EXPECT_FALSE(before.contains("formatting"));
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
  EXPECT_TRUE(before.contains("formatting"));
}

TEST_F(GuestFormatting, TakesOverAMkfsThatEndedUnseen) {
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
  records.record.state = State::Formatting;
  EXPECT_EQ(raise(), "done");
  EXPECT_EQ(records.record.state, State::Formatted);
  EXPECT_EQ(ran("mkfs.ext4 -q"), 1);
}

TEST_F(GuestFormatting, WaitsForAMkfsThatStillRuns) {
  guest([](FakeGuest& guest) { guest.busy_paths = {"/dev/vda"}; });
  EXPECT_TRUE(raise().starts_with("waiting: an mkfs still runs there"));
  guest([](FakeGuest& guest) { guest.busy_paths.clear(); });
  EXPECT_EQ(raise(), "done");
}

TEST_F(GuestFormatting, WritesNothingDownWhereTheGuestHasNoMkfs) {
  guest([](FakeGuest& guest) { guest.missing_programs = {"mkfs.ext4"}; });
  EXPECT_EQ(
      raise(),
      "FAILED_PRECONDITION, none: the guest has no mkfs.ext4: install e2fsprogs there, or let Blockplug format the volume on a "
      "host path first");
  EXPECT_TRUE(records.written.empty());
}

TEST_F(GuestFormatting, NeverFormatsForAReadOnlyWish) {
  leaf.access = Access::ReadOnly;
  EXPECT_NE(raise().find("a read-only wish makes none"), std::string::npos);
  leaf.access = Access::ReadWrite;
  spec.access = Access::ReadOnly;
  EXPECT_NE(raise().find("a read-only wish makes none"), std::string::npos);
  EXPECT_EQ(ran("mkfs"), 0);
}

}  // namespace
}  // namespace blockplug::testing
