// SPDX-License-Identifier: Apache-2.0
// Stage and file systems that this kernel or its tools lack something for.
#include "tests/hotplug/host/mount/stage_bench.h"

namespace blockplug::testing {
namespace {

// In the superblock, whose checksum follows (CRC-32C of its 512 bytes, with zeros where it is itself).
void set_xfs_feature(const std::string& file, int offset, unsigned char bits) {
  constexpr std::size_t kSector = 512, kChecksum = 224;
  auto sector = all_bytes(file).substr(0, kSector);
  sector[static_cast<std::size_t>(offset)] = static_cast<char>(sector[static_cast<std::size_t>(offset)] | bits);
  sector.replace(kChecksum, 4, 4, '\0');
  std::uint32_t crc = ~std::uint32_t{0};
  for (const unsigned char byte : sector) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
  }
  crc = ~crc;
  for (std::size_t index = 0; index < 4; ++index) sector[kChecksum + index] = static_cast<char>(crc >> (8 * index));
  put_bytes(file, 0, sector);
}

class StageFeatures : public StageBench {};

// The kernel says "Invalid argument" alone.
TEST_F(StageFeatures, NamesWhatThisKernelDoesNotMount) {
  struct Row {
    const char* name;
    const char* filesystem;
    std::int64_t mebibytes;
    std::function<void(const std::string&)> make;
    const char* says;
  };
  const auto ext4_with = [](const std::string& features) {
    return [features](const std::string& file) {
      must({"mkfs.ext4", "-q", file});
      must({"debugfs", "-w", "-R", "feature " + features, file});
    };
  };
  const Row rows[] = {
      {"unknown", "ext4", 16, ext4_with("FEATURE_I20 FEATURE_R21"),
       "its ext4 file system has features that this kernel does not know or was built without: FEATURE_I20, FEATURE_R21. It is not "
       "damaged, and nothing was changed: use a newer kernel"},
      {"only for writing", "ext4", 16, ext4_with("FEATURE_R20"),
       "FEATURE_R20. It is not damaged, and nothing was changed: use a newer "
       "kernel, or attach it read-only"},
      {"large blocks", "ext4", 64,
       [](const std::string& file) {
         must({"mkfs.ext4", "-q", "-F", "-b", "65536", file});
       },
       "its ext4 file system has blocks of 65536 bytes, which this kernel does not mount where its pages are smaller"},
      {"xfs", "xfs", 300,
       [](const std::string& file) {
         must({"mkfs.xfs", "-q", file});
         set_xfs_feature(file, 216, 0x80);
       },
       "features that this kernel does not know or was built without: bigtime, FEATURE_I31, inobtcount. It is not damaged"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    loop.reset();
    make_volume(row.mebibytes * kMebibyte);
    row.make(image);
    map_image();
    spec.filesystem = row.filesystem;
    expect_refused(row.says);
    loop.reset();
    files::remove(image);
  }
}

TEST_F(StageFeatures, MountsReadOnlyWhatThisKernelMayNotWrite) {
  make_volume(16 * kMebibyte);
  must({"mkfs.ext4", "-q", image});
  must({"debugfs", "-w", "-R", "feature FEATURE_R20", image});
  map_image({"--read-only"});
  spec.access = Access::ReadOnly;
  EXPECT_EQ(raise_stage(), "done");
  EXPECT_TRUE(mounted_at(place())->is_read_only());
}

// e2fsck exits as it does for damage.
TEST_F(StageFeatures, DoesNotCallDamagedWhatThisE2fsckIsTooOldFor) {
  make_volume(16 * kMebibyte);
  make_dirty();
  must({"debugfs", "-w", "-R", "feature FEATURE_R20", image});
  map_image();
  expect_refused(
      "its ext4 file system was not unmounted cleanly and cannot be checked before it is mounted, because it has features "
      "that this machine's e2fsprogs do not know. It is not known to be damaged, and nothing was changed");
  spec.size_bytes = 32 * kMebibyte;
  loop.reset();
  make_volume(16 * kMebibyte);
  must({"mkfs.ext4", "-q", image});
  must({"debugfs", "-w", "-R", "feature FEATURE_R20", image});
  files::resize_file(image, 32 * kMebibyte);
  map_image();
  EXPECT_HAS(raise_stage(), "its ext4 file system cannot be grown, because it has features");
}

}  // namespace
}  // namespace blockplug::testing
