// SPDX-License-Identifier: Apache-2.0
#include "hotplug/filesystem_features.h"

#include <cstdint>
#include <span>

#include "hotplug/contents.h"

namespace blockplug {
namespace {
struct Feature {
  std::uint32_t bit;
  const char* name;  // nullptr: every kernel knows it
};

// kernel Documentation/filesystems/ext4/super.rst. Some of those with a name depend on how the kernel was built.
constexpr std::uint32_t kExt4Incompatible = 0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x2000;
constexpr Feature kExt4RareIncompatible[] = {{0x1, "compression"}, {0x8, "journal_dev"},  {0x400, "ea_inode"},
                                             {0x1000, "dirdata"},  {0x4000, "large_dir"}, {0x8000, "inline_data"},
                                             {0x10000, "encrypt"}, {0x20000, "casefold"}};
constexpr std::uint32_t kExt4ReadOnly = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x400 | 0x1000;
constexpr Feature kExt4RareReadOnly[] = {{0x80, "has_snapshot"}, {0x100, "quota"},           {0x200, "bigalloc"},
                                         {0x800, "replica"},     {0x2000, "project"},        {0x4000, "shared_blocks"},
                                         {0x8000, "verity"},     {0x10000, "orphan_present"}};

// kernel fs/xfs/libxfs/xfs_format.h, XFS_SB_FEAT_*.
constexpr std::uint32_t kXfsIncompatible = 0x1 | 0x2 | 0x4;
constexpr Feature kXfsRareIncompatible[] = {{0x8, "bigtime"}, {0x10, "needsrepair"}, {0x20, "nrext64"}, {0x40, "exchange"},
                                            {0x80, "parent"}, {0x100, "metadir"},    {0x200, "zoned"},  {0x400, "zone_gaps"}};
constexpr std::uint32_t kXfsReadOnly = 0x1 | 0x2 | 0x4;
constexpr Feature kXfsRareReadOnly[] = {{0x8, "inobtcount"}};

std::uint32_t little(const unsigned char* at) {
  return std::uint32_t{at[0]} | std::uint32_t{at[1]} << 8 | std::uint32_t{at[2]} << 16 | std::uint32_t{at[3]} << 24;
}
std::uint32_t big(const unsigned char* at) {
  return std::uint32_t{at[3]} | std::uint32_t{at[2]} << 8 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[0]} << 24;
}

std::string names_of(std::uint32_t bits, std::uint32_t common, std::span<const Feature> rare, char kind) {
  std::string names;
  for (int index = 0; index < 32; ++index) {
    const auto bit = std::uint32_t{1} << index;
    if ((bits & bit & ~common) == 0) continue;
    std::string name = std::string("FEATURE_") + kind + std::to_string(index);  // as e2fsprogs does
    for (const auto& feature : rare)
      if (feature.bit == bit) name = feature.name;
    names += (names.empty() ? "" : ", ") + name;
  }
  return names;
}
}  // namespace

RareFeatures ext4_features(const unsigned char* superblock) {
  return {names_of(little(superblock + 0x60), kExt4Incompatible, kExt4RareIncompatible, 'I'),
          names_of(little(superblock + 0x64), kExt4ReadOnly, kExt4RareReadOnly, 'R')};
}

RareFeatures xfs_features(const unsigned char* superblock) {
  constexpr std::uint32_t kVersionMask = 0xf, kVersion5 = 5;
  const auto version = std::uint32_t{superblock[101]} & kVersionMask;  // sb_versionnum
  if (version != kVersion5) return {"format version " + std::to_string(version) + " (before crc=1)", {}};
  return {names_of(big(superblock + 216), kXfsIncompatible, kXfsRareIncompatible, 'I'),
          names_of(big(superblock + 212), kXfsReadOnly, kXfsRareReadOnly, 'R')};
}

std::string why_refused(const Contents& contents, const std::string& kernel, MountedFor mounted_for) {
  constexpr std::int64_t kPageBytes = 4096;  // of most machines; a kernel with larger pages mounts it
  const auto what = "its " + contents.filesystem + " file system has ";
  const std::string not_damage = ". It is not damaged, and nothing was changed";
  const auto& [any, writing] = contents.rare_features;
  const bool is_for_writing = mounted_for == MountedFor::Writing;
  if (!any.empty() || (is_for_writing && !writing.empty())) {
    const auto names = any + (!any.empty() && is_for_writing && !writing.empty() ? ", " : "") + (is_for_writing ? writing : "");
    return what + "features that " + kernel + " does not know or was built without: " + names + not_damage +
           ": use a newer kernel" + (any.empty() ? ", or attach it read-only" : "");
  }
  if (contents.block_bytes > kPageBytes)
    return what + "blocks of " + std::to_string(contents.block_bytes) + " bytes, which " + kernel +
           " does not mount where its pages are smaller" + not_damage + ": use a kernel that mounts them, or copy its data";
  return {};
}

bool says_unsupported(const std::string& output) {
  for (const char* words : {"unsupported feature", "unsupported read-only feature", "Get a newer version of e2fsck"})
    if (output.find(words) != std::string::npos) return true;
  return false;
}

}  // namespace blockplug
