// SPDX-License-Identifier: Apache-2.0
#include "hotplug/contents.h"

#include <functional>

#include "tests/hotplug/devices.h"

namespace blockplug::testing {
namespace {
using Kind = Contents::Kind;

Result<Contents> look_at(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_GE(fd, 0) << path;
  auto contents = contents_of(fd);
  ::close(fd);
  return contents;
}

struct Row {
  const char* name;
  std::int64_t size_bytes;
  std::function<void(const std::string& file)> put;
  Kind kind;
  const char* what;  // a part of it
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class ContentsOf : public ::testing::TestWithParam<Row> {};

// Each as a file, and as a loop device over it: the same result, and no byte changes.
TEST_P(ContentsOf, AreKnownAndNotTouched) {
  const auto& row = GetParam();
  const Scratch scratch;
  const auto file = scratch.at("image");
  make_file(file, row.size_bytes);
  row.put(file);
  const auto before = all_bytes(file);
  const Loop loop{file};
  for (const auto& path : {file, loop.device()}) {
    const auto contents = look_at(path);
    ASSERT_TRUE(contents.ok()) << contents.error().message;
    EXPECT_EQ(contents->kind, row.kind) << contents->what;
    EXPECT_NE(contents->what.find(row.what), std::string::npos) << contents->what;
    EXPECT_EQ(contents->filesystem.empty(), row.kind != Kind::Filesystem);
    EXPECT_EQ(contents->device_bytes, row.size_bytes);
  }
  EXPECT_TRUE(before == all_bytes(file)) << "a look changed something";
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::ifstream{"/dev/urandom", std::ios::binary}.read(bytes.data(), static_cast<std::streamsize>(count));
  return bytes;
}

void sfdisk(const std::string& file, const std::string& label) {
  const auto script = file + ".sfdisk";
  std::ofstream{script} << "label: " << label << "\nsize=4M\n";
  must({"sh", "-c", "sfdisk -q \"$0\" < \"$1\"", file, script});
}

const Row kRows[] = {
    {"Zeros", 16 * kMebibyte, [](const std::string&) {}, Kind::Blank, "nothing"},
    {"ZerosOfASector", 512, [](const std::string&) {}, Kind::Blank, "nothing"},
    {"ZerosOfAnOddNumberOfSectors", 5 * kMebibyte + 1536, [](const std::string&) {}, Kind::Blank, "nothing"},
    {"Ext4", 16 * kMebibyte,
     [](const std::string& file) {
       must({"mkfs.ext4", "-q", file});
     },
     Kind::Filesystem, "an ext4 file system"},
    {"Ext2", 16 * kMebibyte,
     [](const std::string& file) {
       must({"mkfs.ext4", "-q", "-t", "ext2", file});
     },
     Kind::Filesystem, "an ext2"},
    {"Xfs", 32 * kMebibyte,
     [](const std::string& file) {
       must({"mkfs.xfs", "--unsupported", "-q", file});
     },
     Kind::Filesystem, "an xfs file system"},
    {"Gpt", 16 * kMebibyte, [](const std::string& file) { sfdisk(file, "gpt"); }, Kind::Other, "a partition table (gpt)"},
    {"Mbr", 16 * kMebibyte, [](const std::string& file) { sfdisk(file, "dos"); }, Kind::Other, "a partition table (dos)"},
    {"GptWithoutItsFirstSector", 16 * kMebibyte,
     [](const std::string& file) {
       sfdisk(file, "gpt");
       put_bytes(file, 0, std::string(512, '\0'));
     },
     Kind::Other, "gpt"},
    {"Luks", 16 * kMebibyte, [](const std::string& file) { put_bytes(file, 0, std::string("LUKS\xba\xbe\0\x01", 8)); }, Kind::Other,
     "crypto_LUKS"},
    {"Swap", 16 * kMebibyte,
     [](const std::string& file) {
       must({"mkswap", file});
     },
     Kind::Other, "swap"},
    {"RandomBytes", 2 * kMebibyte, [](const std::string& file) { put_bytes(file, 0, random_bytes(2 * kMebibyte)); }, Kind::Other,
     "unrecognised data"},
    {"OneByteInTheFirstMebibytes", 16 * kMebibyte, [](const std::string& file) { put_bytes(file, 4 * kMebibyte - 1, "x"); },
     Kind::Other, "unrecognised data"},
    {"OneByteAtTheVeryEnd", 16 * kMebibyte, [](const std::string& file) { put_bytes(file, 16 * kMebibyte - 1, "x"); }, Kind::Other,
     "unrecognised data"},
    {"OneByteAtTheStartOfTheLastMebibyte", 16 * kMebibyte, [](const std::string& file) { put_bytes(file, 15 * kMebibyte, "x"); },
     Kind::Other, "unrecognised data"},
    {"OneByteAtAnOddEnd", 5 * kMebibyte + 1536, [](const std::string& file) { put_bytes(file, 5 * kMebibyte + 1535, "x"); },
     Kind::Other, "unrecognised data"},
    {"Ext4AndAPartitionTable", 16 * kMebibyte,
     [](const std::string& file) {
       sfdisk(file, "gpt");
       must({"mkfs.ext4", "-q", "-F", file});
       put_bytes(file, 510, std::string("\x55\xaa", 2));
     },
     Kind::Other, "a partition table"},
    {"TwoFileSystems", 32 * kMebibyte,
     [](const std::string& file) {
       must({"mkfs.xfs", "--unsupported", "-q", file});
       const auto other = file + ".ext4";
       make_file(other, 16 * kMebibyte);
       must({"mkfs.ext4", "-q", "-O", "^metadata_csum", other});
       put_bytes(file, 1024, all_bytes(other).substr(1024, 1024));
     },
     Kind::Other, "several conflicting signatures"},
};
INSTANTIATE_TEST_SUITE_P(Of, ContentsOf, ::testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(Contents, KnowAFileSystemsUuidSizeAndStateOfHealth) {
  const Scratch scratch;
  const std::string uuid = "0b1e6b4c-1111-4222-8333-444455556666";
  for (const auto& [type, size_bytes, command] :
       {std::tuple{"ext4", 16 * kMebibyte, std::vector<std::string>{"mkfs.ext4", "-q", "-U", uuid}},
        {"xfs", 32 * kMebibyte, {"mkfs.xfs", "--unsupported", "-q", "-m", "uuid=" + uuid}}}) {
    const auto file = scratch.at(type);
    make_file(file, size_bytes);
    auto make = command;
    make.push_back(file);
    must(make);
    files::resize_file(file, static_cast<std::uintmax_t>(2 * size_bytes));
    const auto contents = look_at(file);
    ASSERT_TRUE(contents.ok());
    EXPECT_EQ(contents->filesystem, type);
    EXPECT_EQ(contents->uuid, uuid);
    EXPECT_EQ(contents->size_bytes, size_bytes);
    EXPECT_EQ(contents->device_bytes, 2 * size_bytes);
    EXPECT_TRUE(contents->is_clean);
    EXPECT_TRUE(contents->has_signature);
  }
  EXPECT_FALSE(look_at(scratch.at("ext4"))->was_mounted);
  EXPECT_TRUE(look_at(scratch.at("xfs"))->was_mounted) << "it may have been: xfs does not say";
}

TEST(Contents, SayThatAnExt4IsNotCleanWhileItsJournalIsNeeded) {
  const Scratch scratch;
  const auto file = scratch.at("image");
  make_file(file, 16 * kMebibyte);
  must({"mkfs.ext4", "-q", file});
  must({"debugfs", "-w", "-R", "feature needs_recovery", file});
  EXPECT_FALSE(look_at(file)->is_clean);
  must({"debugfs", "-w", "-R", "feature -needs_recovery", file});
  EXPECT_TRUE(look_at(file)->is_clean);
  must({"debugfs", "-w", "-R", "ssv state 2", file});
  EXPECT_FALSE(look_at(file)->is_clean);
}

// The backing file is truncated: the device keeps its size, and reads beyond the end fail.
TEST(Contents, OfADeviceThatCannotBeReadAreNeverBlank) {
  for (const std::int64_t left : {std::int64_t{0}, 512 * std::int64_t{1024}, 2 * kMebibyte, 15 * kMebibyte + 4096}) {
    const Scratch scratch;
    const auto file = scratch.at("image");
    make_file(file, 16 * kMebibyte);
    const Loop loop{file};
    files::resize_file(file, static_cast<std::uintmax_t>(left));
    const auto contents = look_at(loop.device());
    ASSERT_FALSE(contents.ok()) << left << ": " << contents->what;
    EXPECT_EQ(contents.error().code, Code::Unavailable);
    EXPECT_EQ(contents.error().effect, Effect::None);
    EXPECT_NE(contents.error().message.find("cannot be read"), std::string::npos) << contents.error().message;
  }
}

TEST(Contents, OfAnEmptyFileAreUnavailable) {
  const Scratch scratch;
  make_file(scratch.at("empty"), 0);
  const auto contents = look_at(scratch.at("empty"));
  ASSERT_FALSE(contents.ok());
  EXPECT_EQ(contents.error().code, Code::Unavailable);
  EXPECT_NE(contents.error().message.find("its size is 0"), std::string::npos);
}

TEST(Contents, AreWhatIsOnTheDiskNotWhatThePageCacheRemembers) {
  const Scratch scratch;
  const auto file = scratch.at("image");
  make_file(file, 16 * kMebibyte);
  const Loop loop{file};
  const int fd = ::open(loop.device().c_str(), O_RDONLY | O_CLOEXEC);  // keeps the device's pages cached
  ASSERT_EQ(contents_of(fd)->kind, Kind::Blank);
  char page[4096];
  ASSERT_EQ(::pread(fd, page, sizeof page, kMebibyte), 4096);
  put_bytes(file, kMebibyte, "x");
  const auto contents = contents_of(fd);
  ::close(fd);
  ASSERT_TRUE(contents.ok());
  EXPECT_EQ(contents->kind, Kind::Other) << contents->what;
}

}  // namespace
}  // namespace blockplug::testing
