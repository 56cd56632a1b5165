// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is on a block device (or in a file that is one)? libblkid's superblocks and partitions, and a look at both ends: only what
// is positively known to be blank is ever called so. (The blkid program calls a device that it cannot read blank.)
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug {

struct Contents {
  enum class Kind : std::uint8_t {
    Blank,       // libblkid finds nothing, and the first 4 MiB and the last 1 MiB were read and are zero
    Filesystem,  // exactly one file system, no partition table
    Other,       // partitions, LUKS, RAID, LVM, swap, several signatures, or bytes that nobody knows: never ours to format
  };
  Kind kind{};
  std::string filesystem{};  // libblkid's TYPE: "ext4", "xfs"; empty unless Filesystem
  std::string uuid{};
  std::int64_t size_bytes{};    // that the file system says it has; 0: unknown
  std::int64_t block_bytes{};   // of its blocks; 0: unknown
  std::int64_t device_bytes{};  // of what it lies on
  bool is_clean{true};          // ext4: unmounted and without errors. Others: not known here, true
  bool was_mounted{true};       // false only where that is certain: ext4 says so itself, and an xfs whose mkfs has not ended
  bool has_signature{};         // libblkid knows something of it. Other without one: bytes that nobody knows
  std::string what{};           // for people: "an xfs file system", "a partition table (gpt)", "bytes of no known kind"
};

// Changes nothing. `fd` is open for reading, without O_DIRECT (both ends are read past the page cache where that is possible).
// Unavailable, effect None: it cannot be read, with where.
Result<Contents> contents_of(int fd);

}  // namespace blockplug
