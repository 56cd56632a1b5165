// SPDX-License-Identifier: Apache-2.0
// When Stage formats, resumes a format, and when it never does: the record and the bytes must agree.
#include "tests/volume-plugin/mount/stage_bench.h"
#include "volume-plugin/mount/stage.h"

namespace blockplug::testing {
namespace {
class StageFormat : public StageBench {};

TEST_F(StageFormat, RefusesToFormatAgainWhatWasFormattedAndNowReadsAsBlank) {
  make_volume(16 * kMebibyte);
  records.record = {RecordState::Formatted, "ext4", kUuid};
  expect_refused("was formatted as ext4 (" + kUuid + ") and now reads as blank: refusing to format it again");
}

TEST_F(StageFormat, DoesNotFormatWhatCannotBeRead) {
  make_volume(16 * kMebibyte);
  files::resize_file(image, 8 * kMebibyte);
  expect_refused("cannot be read");
}

TEST_F(StageFormat, DoesNotFormatWhereTheRecordCannotBeWritten) {
  make_volume(16 * kMebibyte);
  records.is_broken = true;
  expect_refused("the storage of records does not answer");
}

TEST_F(StageFormat, DoesNotFormatWhatSomebodyWroteBetweenTheLookAndTheMkfs) {
  make_volume(16 * kMebibyte);
  records.on_set = [this](const FormatRecord& record) {
    if (record.state == RecordState::Formatting) put_bytes(image, 0, std::string("LUKS\xba\xbe\0\x01", 8));
  };
  EXPECT_HAS(raise_stage(), "it is never formatted");
  EXPECT_EQ(all_bytes(image).substr(0, 4), "LUKS");
  EXPECT_EQ(to_text(records.record), "never");
}

TEST_F(StageFormat, ResumesAnMkfsThatWasCutShort) {
  struct Row {
    const char* name;
    std::function<void(const std::string&)> put;
  };
  const Row rows[] = {
      {"nothing yet", [](const std::string&) {}},
      {"bytes without a signature", [](const std::string& file) { put_bytes(file, 8192, "half an inode table"); }},
      {"a signature without the rest", [](const std::string& file) {
         must({"mkfs.ext4", "-q", "-U", kUuid, file});
         put_bytes(file, 2048, std::string(512 * 1024, '\xff'));
       }}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    loop.reset();
    make_volume(16 * kMebibyte);
    row.put(image);
    map_image();
    records.record = {RecordState::Formatting, "ext4", kUuid};
    staged.before = {{"formatting", kUuid}};  // by this very attempt
    EXPECT_EQ(probe_stage().standing, Standing::Partial) << "so that its facts stay";
    ASSERT_EQ(raise_stage(), "done");
    EXPECT_EQ(to_text(records.record), "formatted ext4 " + kUuid);
    EXPECT_EQ(staged.before["uuid"], kUuid);
    ASSERT_EQ(lower_stage(), "done");
    must({"e2fsck", "-fn", image});
    loop.reset();
    files::remove(image);
  }
}

TEST_F(StageFormat, DoesNotResumeOverRawBytesOnceTheAttemptWasGivenUp) {
  make_volume(16 * kMebibyte);
  put_bytes(image, 8192, "what somebody wrote to the raw device since");
  map_image();
  records.record = {RecordState::Formatting, "ext4", kUuid};
  expect_refused("that was given up, and now it has bytes of no known kind");
  staged.before = {{"formatting", "ffffffff-0000-4000-8000-000000000000"}};  // of another mkfs
  expect_refused("that was given up");
}

TEST_F(StageFormat, WritesDownWhichMkfsItBeginsBeforeItBeginsIt) {
  make_volume(16 * kMebibyte);
  std::string recorded, kept;
  records.on_set = [&](const FormatRecord& record) {
    if (record.state == RecordState::Formatting) recorded = record.uuid, kept = staged.journal.kept["formatting"];
  };
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_FALSE(recorded.empty());
  EXPECT_EQ(kept, recorded);
  EXPECT_FALSE(staged.before.contains("formatting"));
}

TEST_F(StageFormat, TakesAnMkfsThatHadEndedAsItIs) {
  make_volume(16 * kMebibyte, {"mkfs.ext4", "-q", "-U", kUuid, "-L", "first"});
  records.record = {RecordState::Formatting, "ext4", kUuid};
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(records.history, std::vector<std::string>{"formatted ext4 " + kUuid});
  EXPECT_HAS(must({"blkid", "-p", "-o", "export", loop->device()}), "LABEL=first");
}

TEST_F(StageFormat, DoesNotResumeOverWhatWasMountedSince) {
  make_volume(16 * kMebibyte);
  make_dirty();
  must({"debugfs", "-w", "-R", "freei <12>", image});  // its journal mends that, and a look alone calls it unsound
  map_image();
  records.record.state = RecordState::Formatting;  // as if the daemon had died before it wrote the end of mkfs
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(all_bytes(place() + "/file"), "hello");
  EXPECT_EQ(records.record.state, RecordState::Formatted);
}

TEST_F(StageFormat, DoesNotResumeOverTheFileSystemOfSomebodyElse) {
  make_volume(16 * kMebibyte, {"mkfs.ext4", "-q"});
  records.record = {RecordState::Formatting, "ext4", kUuid};
  expect_refused("it is never formatted over");
}

TEST_F(StageFormat, DoesNotResumeOverALaterSignature) {
  make_volume(16 * kMebibyte, {"mkswap"});
  records.record = {RecordState::Formatting, "ext4", kUuid};
  expect_refused("it is never formatted");
}

}  // namespace
}  // namespace blockplug::testing
