// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is on a block device (or an image file)? Uses libblkid's superblocks and partitions, and reads both ends: a device is called
// blank only if that is verified. (The blkid program reports an unreadable device as blank.)
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"
#include "hotplug/filesystem_features.h"

namespace blockplug {

struct Contents {
  enum class Kind : std::uint8_t {
    Blank,       // libblkid finds nothing, and the first 4 MiB and the last 1 MiB were read and are zero
    Filesystem,  // exactly one file system, no partition table
    Other,       // partitions, LUKS, RAID, LVM, swap, several signatures, or unrecognised data: never formatted
  };
  Kind kind{};
  std::string filesystem{};  // libblkid's TYPE: "ext4", "xfs"; empty unless Filesystem
  std::string uuid{};
  std::int64_t size_bytes{};     // of the file system, from its superblock; 0: unknown
  std::int64_t block_bytes{};    // of its blocks; 0: unknown
  std::int64_t device_bytes{};   // of the device
  bool is_clean{true};           // ext4: unmounted and without errors. Others: unknown, true
  bool was_mounted{true};        // false only if certain: an ext4 that records no mount, and an xfs whose mkfs has not finished
  bool has_signature{};          // libblkid found a signature. Other without one: unrecognised data
  RareFeatures rare_features{};  // of an ext4 or xfs
  std::string what{};            // for people: "an xfs file system", "a partition table (gpt)", "unrecognised data"
};

// Changes nothing. `fd` is open for reading, without O_DIRECT (both ends are read past the page cache if possible).
// Unavailable, effect None: it cannot be read; the message says where.
Result<Contents> contents_of(int fd);

}  // namespace blockplug
