// SPDX-License-Identifier: Apache-2.0
#include "hotplug/mkfs.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "attach-detach/uuid.h"
#include "hotplug/contents.h"
#include "hotplug/host/file_descriptor.h"
#include "tests/hotplug/devices.h"

namespace blockplug {
namespace {
using mkfs::Over;
using Words = std::vector<std::string>;
constexpr std::int64_t kMebibyte = 1 << 20;
constexpr const char* kFeatures =
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,"
    "extra_isize,metadata_csum";

TEST(Mkfs, IsForcedOnlyOverItsOwnRemainsAndNeverDiscardsTheDevice) {
  EXPECT_EQ(mkfs::command("ext4", "u-1", "/dev/x", Over::Unwritten),
            (Words{"mkfs.ext4", "-q", "-m0", "-U", "u-1", "-E", "nodiscard,lazy_journal_init=1", "-O", kFeatures, "/dev/x"}));
  EXPECT_EQ(mkfs::command("xfs", "u-1", "/dev/x", Over::Unwritten), (Words{"mkfs.xfs", "-q", "-K", "-m", "uuid=u-1", "/dev/x"}));
  EXPECT_EQ(mkfs::command("ext4", "u-1", "/dev/x", Over::Blank),
            (Words{"mkfs.ext4", "-q", "-m0", "-U", "u-1", "-E", "nodiscard", "-O", kFeatures, "/dev/x"}));
  EXPECT_EQ(mkfs::command("ext4", "u-1", "/dev/x", Over::OwnRemains),
            (Words{"mkfs.ext4", "-q", "-m0", "-U", "u-1", "-E", "nodiscard", "-O", kFeatures, "-F", "/dev/x"}));
  EXPECT_EQ(mkfs::command("xfs", "u-1", "/dev/x", Over::Blank), (Words{"mkfs.xfs", "-q", "-K", "-m", "uuid=u-1", "/dev/x"}));
  EXPECT_EQ(mkfs::command("xfs", "u-1", "/dev/x", Over::OwnRemains),
            (Words{"mkfs.xfs", "-q", "-K", "-m", "uuid=u-1", "-f", "/dev/x"}));
}

TEST(Mkfs, LeavesOutOfAnXfsWhatOlderKernelsDoNotKnowAsFarAsThisMkfsKnowsIt) {
  struct Row {
    const char* usage;
    Words options;
  };
  const Row rows[] = {{"/* inode size */ [-i perblock=n|size=num,projid32bit=0|1,sparse=0|1]", {}},
                      {"[-i size=num,sparse=0|1,nrext64=0|1]", {"-i", "nrext64=0"}},
                      {"[-m crc=0|1,metadir=0|1] [-i nrext64=0|1,exchange=0|1] [-n size=num,parent=0|1]",
                       {"-i", "nrext64=0", "-i", "exchange=0", "-n", "parent=0", "-m", "metadir=0"}}};
  for (const auto& row : rows) {
    Words wanted{"mkfs.xfs", "-q", "-K", "-m", "uuid=u-1"};
    wanted.insert(wanted.end(), row.options.begin(), row.options.end());
    wanted.emplace_back("/dev/x");
    EXPECT_EQ(mkfs::command("xfs", "u-1", "/dev/x", Over::Blank, row.usage), wanted) << row.usage;
  }
  EXPECT_EQ(mkfs::question("xfs"), Words{"mkfs.xfs"});
}

// With the mkfs of this machine: also where its configuration asks for more.
TEST(Mkfs, MakesWhatOlderKernelsMount) {
  const testing::Scratch scratch;
  std::ofstream{scratch.at("mke2fs.conf")} << "[defaults]\n base_features = sparse_super,large_file,filetype,orphan_file\n"
                                              "[fs_types]\n ext4 = {\n  features = has_journal,extent,64bit,metadata_csum,"
                                              "metadata_csum_seed,casefold,verity\n }\n";
  ::setenv("MKE2FS_CONFIG", scratch.at("mke2fs.conf").c_str(), 1);
  for (const std::string filesystem : {"ext4", "xfs"}) {
    const auto image = scratch.at(filesystem);
    testing::make_file(image, 300 * kMebibyte);
    const auto usage = testing::run(mkfs::question(filesystem)).output;
    testing::must(mkfs::command(filesystem, new_uuid(), image, Over::Blank, usage));
    const FileDescriptor file{::open(image.c_str(), O_RDONLY | O_CLOEXEC)};
    const auto contents = contents_of(file.get());
    ASSERT_TRUE(contents.ok());
    EXPECT_EQ(contents->filesystem, filesystem);
    EXPECT_EQ(contents->rare_features.of_any_mount, filesystem == "ext4" ? "" : "bigtime");  // Linux 5.10
    EXPECT_EQ(contents->rare_features.of_writing, filesystem == "ext4" ? "" : "inobtcount");
    if (filesystem == "ext4") {
      EXPECT_EQ(testing::must({"dumpe2fs", "-h", image}).find("orphan_file"), std::string::npos);
      EXPECT_EQ(testing::must({"dumpe2fs", "-h", image}).find("metadata_csum_seed"), std::string::npos);
    }
  }
  ::unsetenv("MKE2FS_CONFIG");
}

TEST(Mkfs, NeedsARoomOfItsOwnSize) {
  struct Row {
    const char* filesystem;
    std::int64_t size_bytes;
    const char* says;  // empty: large enough
  };
  const Row rows[] = {
      {"ext4", kMebibyte, ""},
      {"ext4", kMebibyte - 1, "an ext4 file system needs at least 1 MiB; the volume has 1048575 bytes: expand it"},
      {"xfs", 300 * kMebibyte, ""},
      {"xfs", 299 * kMebibyte,
       "an xfs file system needs at least 300 MiB (mkfs.xfs's own limit); the volume has 299 MiB: expand it, or use ext4"},
      {"btrfs", 1024 * kMebibyte, "'btrfs' is not supported: use ext4 or xfs"},
      {"", 1024 * kMebibyte, "'' is not supported: use ext4 or xfs"},
  };
  for (const auto& row : rows) {
    const auto checked = mkfs::check_size(row.filesystem, row.size_bytes);
    EXPECT_EQ(checked.ok() ? "" : checked.error().message, row.says) << row.filesystem;
    if (!checked.ok()) {
      EXPECT_EQ(checked.error().code, Code::InvalidArgument);
    }
  }
}

TEST(Mkfs, GetsAnotherUuidEachTime) {
  const auto one = new_uuid(), two = new_uuid();
  EXPECT_EQ(one.size(), 36U);
  EXPECT_NE(one, two);
}

}  // namespace
}  // namespace blockplug
