// SPDX-License-Identifier: Apache-2.0
#pragma once
// Parses mount flags ("noatime", "discard") into flags per mount and options of the file system. Free functions.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug::mount {

struct MountFlags {
  std::uint64_t set{}, clear{};        // MOUNT_ATTR_*
  std::vector<std::string> options{};  // options of the file system: "discard", "data=ordered"
  bool is_read_only() const;
};

// A word, or a name and a value; a value in double quotes may have commas: context="a:b:c0,c1". At most 256 bytes.
bool is_well_formed(std::string_view flag);
// A word of mount(8) or fstab that neither the kernel nor a file system knows: "_netdev", "nofail", "x-systemd.automount".
bool is_of_mount_program(const std::string& flag);
// Each path may have its own: "nodev", "noatime". All others belong to the file system, which is mounted once.
bool is_of_path(const std::string& flag);
// A copy of an xfs has its original's UUID, and the kernel would mount only one of them; one image is never mounted twice anyway.
// Is "nouuid" to be added to these?
bool needs_nouuid(const std::string& filesystem, const std::vector<std::string>& flags);
// Asks to see a file system without replaying its journal: "noload" (ext4), "norecovery" (ext4, xfs).
bool leaves_journal(const std::vector<std::string>& flags);
// What helps where a journal is to be replayed, and a read-only attach does not.
std::string way_without_replay(const std::string& filesystem);
// The value without the quotes that keep its commas: context="a:b:c0,c1".
std::string unquoted(const std::string& value);

// `flags`: separated by newlines. InvalidArgument: a flag that names another device.
Result<MountFlags> flags_of_filesystem(const std::string& flags, Access access);
// InvalidArgument: a flag that bind mounts do not support; the message lists the supported ones.
Result<MountFlags> flags_of_bind(const std::string& flags, Access access);

// Converts MOUNT_ATTR_* to the MS_* of mount(2), for kernels without the new calls.
unsigned long flags_of_old_mount(std::uint64_t attributes);

std::string joined(const std::vector<std::string>& flags);  // separated by newlines
std::string to_argument(Access access);                     // "rw", "ro"
Access access_from(const std::string& argument);
// Is the mount read-only? By the requested access, or by the flag "ro".
bool wants_read_only(Access access, const std::vector<std::string>& flags);

}  // namespace blockplug::mount
