// SPDX-License-Identifier: Apache-2.0
// When Stage formats, when it resumes a format, and when it refuses: record and contents must match.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/mount/stage.h"
#include "tests/hotplug/host/mount/stage_bench.h"

namespace blockplug::testing {
namespace {
class StageFormat : public StageBench {};

// Where the file has data, in blocks.
std::vector<std::int64_t> written_blocks(const std::string& path, std::int64_t block_bytes) {
  std::vector<std::int64_t> blocks;
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  for (auto at = ::lseek(file.get(), 0, SEEK_DATA); at >= 0; at = ::lseek(file.get(), at, SEEK_DATA))
    for (const auto end = ::lseek(file.get(), at, SEEK_HOLE); at < end; at += block_bytes) blocks.push_back(at);
  return blocks;
}

TEST_F(StageFormat, RefusesToFormatAgainWhatWasFormattedAndNowReadsAsBlank) {
  make_volume(16 * kMebibyte);
  records.record = {RecordState::Formatted, "ext4", kUuid};
  expect_refused("was formatted as ext4 (" + kUuid + ") and now reads as blank: not formatting it again");
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
  EXPECT_HAS(raise_stage(), "not formatting it");
  EXPECT_EQ(all_bytes(image).substr(0, 4), "LUKS");
  EXPECT_EQ(to_text(records.record), "never");
}

TEST_F(StageFormat, ResumesAnMkfsThatWasCutShort) {
  struct Row {
    const char* name;
    std::function<void(const std::string&)> put;
  };
  const Row rows[] = {{"nothing yet", [](const std::string&) {}},
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
    staged.before = {{"mount.formatting", kUuid}};  // by this very attempt
    EXPECT_EQ(probe_stage().standing, Standing::Partial) << "so that its facts stay";
    ASSERT_EQ(raise_stage(), "done");
    EXPECT_EQ(to_text(records.record), "formatted ext4 " + kUuid);
    EXPECT_EQ(staged.before["mount.uuid"], kUuid);
    ASSERT_EQ(lower_stage(), "done");
    must({"e2fsck", "-fn", image});
    loop.reset();
    files::remove(image);
  }
}

TEST_F(StageFormat, DoesNotFormatInVainForAFlagThatTheFileSystemDoesNotKnow) {
  make_volume(16 * kMebibyte);
  spec.flags = {"noatime", "frobnicate"};
  expect_refused("mount flag 'frobnicate' is refused for ext4");
  spec.flags = {"nouuid"};
  expect_refused("mount flag 'nouuid' is refused for ext4");
  spec.flags = {"noatime", "_netdev", "discard"};
  EXPECT_EQ(raise_stage(), "done");
}

TEST_F(StageFormat, LiftsTheLimitsForMkfsAloneAndAppliesThemAgainAlsoAfterAnMkfsThatFailed) {
  for (const bool does_fail : {false, true}) {
    make_volume(16 * kMebibyte);
    below["device.can_limit"] = "true";
    spec.limits = map.limits = {{"bytes_per_second", 1000}};
    std::vector<std::string> seen;
    map.on_limits = [&] { seen.push_back(map.limits.empty() ? "lifted" : "applied"); };
    records.on_set = [&](const FormatRecord& record) {
      seen.push_back(to_text(record).substr(0, 9));
      if (does_fail && record.state == RecordState::Formatting) put_bytes(image, 0, std::string("LUKS\xba\xbe\0\x01", 8));
    };
    const auto said = raise_stage();
    EXPECT_EQ(said == "done", !does_fail) << said;
    const auto last = does_fail ? std::string("never") : std::string("formatted");
    EXPECT_EQ(seen, (std::vector<std::string>{"lifted", "formattin", "applied", last}));
    EXPECT_EQ(map.limits, spec.limits);
    if (!does_fail) {
      EXPECT_EQ(lower_stage(), "done");
    }
    loop.reset();
    staged = {};
    records.record = {};
    files::remove(image);
  }
}

// It would go on for hours with them; the next attempt, which waits for its end, applies them.
TEST_F(StageFormat, LeavesTheLimitsLiftedWhileAnMkfsThatWasLeftBehindGoesOn) {
  make_volume(16 * kMebibyte);
  below["device.can_limit"] = "true";
  spec.limits = map.limits = {{"bytes_per_second", 1000}};
  const auto script = scratch.at("slow-helper"), pid_file = scratch.at("pid");
  std::ofstream{script} << "#!/bin/sh\n[ \"$1\" != format ] || { echo $$ > " << pid_file << "; exec sleep 1000; }\nexec "
                        << blockplug::testing::program("blockplug-helper") << " \"$@\"\n";
  files::permissions(script, files::perms::owner_all);
  Helper slow{script, scratch.at("slow-helpers")};
  mount::Stage rung{{slow, records, watch, map, &map, scratch.at("stages")}};
  auto asked = call(staged, {rungs::kStage, {}});
  asked.deadline = Clock::now() + std::chrono::seconds(2);
  EXPECT_HAS(settle(staged, rung.raise(asked), true), "DEADLINE_EXCEEDED, unknown: ");
  EXPECT_TRUE(map.limits.empty()) << "they apply to an mkfs that goes on";
  ::kill(std::stoi(all_bytes(pid_file)), SIGKILL);
  ASSERT_TRUE(events.wait_until([&] { return !slow.busy(key.volume); }));
  EXPECT_EQ(raise_stage(), "done");
  EXPECT_EQ(map.limits, spec.limits);
}

TEST_F(StageFormat, AppliesTheLimitsThatADaemonLeftLiftedWhenItDied) {
  make_volume(16 * kMebibyte, {"mkfs.ext4", "-q", "-U", kUuid});
  below["device.can_limit"] = "true";
  spec.limits = {{"bytes_per_second", 1000}};
  records.record = {RecordState::Formatting, "ext4", kUuid};
  staged.before = {{"mount.formatting", kUuid}};
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(map.limits, spec.limits);
}

TEST_F(StageFormat, DiscardsNothingAndClearsNoJournalWhereTheStorageProvesThatNothingWasWritten) {
  for (const bool is_unwritten : {true, false}) {
    make_volume(512 * kMebibyte);
    records.is_unwritten = is_unwritten;
    ASSERT_EQ(raise_stage(), "done");
    ASSERT_EQ(lower_stage(), "done");
    loop.reset();
    must({"e2fsck", "-fn", image});
    constexpr std::int64_t kJournalBytes = 16 * kMebibyte;
    const auto allocated_bytes = std::stoll(must({"stat", "-c", "%b", image})) * 512;
    EXPECT_EQ(allocated_bytes < kJournalBytes, is_unwritten) << allocated_bytes;
    records.record = {};
    staged = {};
    files::remove(image);
  }
}

// Whatever blkid and e2fsck say of it. An mkfs.xfs writes past the page cache and the start of the device last; what is left of an
// mkfs.ext4 after the host failed may be any part.
TEST_F(StageFormat, ResumesAnMkfsThatWasCutShortAnywhere) {
  constexpr std::int64_t kBlock = 4096;
  const auto last_quarters = {1, 2, 3};
  for (const bool is_xfs : {false, true}) {
    for (const bool is_start_first : {true, false}) {
      if (is_xfs && is_start_first) continue;
      for (const auto quarters : last_quarters) {
        SCOPED_TRACE(std::string(is_xfs ? "xfs" : "ext4") + (is_start_first ? ", from the start: " : ", from the end: ") +
                     std::to_string(quarters) + " quarters");
        spec.filesystem = is_xfs ? "xfs" : "ext4";
        records.record = {RecordState::Formatting, spec.filesystem, kUuid};
        make_volume((is_xfs ? 300 : 16) * kMebibyte);
        loop.reset();
        must(is_xfs ? std::vector<std::string>{"mkfs.xfs", "-q", "-m", "uuid=" + kUuid, image}
                    : std::vector<std::string>{"mkfs.ext4", "-q", "-U", kUuid, image});
        auto written = written_blocks(image, kBlock);
        ASSERT_GT(written.size(), 8U);
        if (!is_start_first) std::ranges::reverse(written);
        for (auto left = written.size() * static_cast<std::size_t>(quarters) / 4; left < written.size(); ++left)
          put_bytes(image, written[left], std::string(kBlock, '\0'));
        map_image();
        staged.before = {{"mount.formatting", kUuid}};
        ASSERT_EQ(raise_stage(), "done");
        EXPECT_EQ(to_text(records.record), "formatted " + spec.filesystem + " " + kUuid);
        ASSERT_EQ(lower_stage(), "done");
        must(is_xfs ? std::vector<std::string>{"xfs_repair", "-n", image} : std::vector<std::string>{"e2fsck", "-fn", image});
        loop.reset();
        files::remove(image);
      }
    }
  }
}

TEST_F(StageFormat, DoesNotResumeOverRawBytesOnceTheAttemptWasGivenUp) {
  make_volume(16 * kMebibyte);
  put_bytes(image, 8192, "what somebody wrote to the raw device since");
  map_image();
  records.record = {RecordState::Formatting, "ext4", kUuid};
  expect_refused("which was given up, and now has unrecognised data");
  staged.before = {{"mount.formatting", "ffffffff-0000-4000-8000-000000000000"}};  // of another mkfs
  expect_refused("which was given up");
}

TEST_F(StageFormat, WritesDownWhichMkfsItBeginsBeforeItBeginsIt) {
  make_volume(16 * kMebibyte);
  std::string recorded, kept;
  records.on_set = [&](const FormatRecord& record) {
    if (record.state == RecordState::Formatting) recorded = record.uuid, kept = staged.journal.kept["mount.formatting"];
  };
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_FALSE(recorded.empty());
  EXPECT_EQ(kept, recorded);
  EXPECT_FALSE(staged.before.contains("mount.formatting"));
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
  must({"debugfs", "-w", "-R", "freei <12>",
        image});  // replaying the journal repairs this, but a read-only check reports it as damaged
  map_image();
  records.record.state = RecordState::Formatting;  // as if the daemon had crashed before it recorded the end of mkfs
  ASSERT_EQ(raise_stage(), "done");
  EXPECT_EQ(all_bytes(place() + "/file"), "hello");
  EXPECT_EQ(records.record.state, RecordState::Formatted);
}

TEST_F(StageFormat, DoesNotResumeOverTheFileSystemOfSomebodyElse) {
  make_volume(16 * kMebibyte, {"mkfs.ext4", "-q"});
  records.record = {RecordState::Formatting, "ext4", kUuid};
  expect_refused("it is not overwritten");
}

TEST_F(StageFormat, DoesNotResumeOverALaterSignature) {
  make_volume(16 * kMebibyte, {"mkswap"});
  records.record = {RecordState::Formatting, "ext4", kUuid};
  expect_refused("not formatting it");
}

}  // namespace
}  // namespace blockplug::testing
