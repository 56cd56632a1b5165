// SPDX-License-Identifier: Apache-2.0
#pragma once
// Mount flags as people write them ("noatime", "discard"), sorted into what the kernel keeps per mount and what it tells the file
// system. Free functions.
#include <cstdint>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug::mount {

struct MountFlags {
  std::uint64_t set{}, clear{};        // MOUNT_ATTR_*
  std::vector<std::string> options{};  // for the file system: "discard", "data=ordered"
  bool is_read_only() const;
};

// `flags`: newline between. InvalidArgument: one that names another device, which is not ours to mount.
Result<MountFlags> flags_of_filesystem(const std::string& flags, Access access);
// InvalidArgument: one that a bind mount cannot have, naming those that it can.
Result<MountFlags> flags_of_bind(const std::string& flags, Access access);

// MOUNT_ATTR_* as the MS_* of mount(2), for kernels without the new calls.
unsigned long flags_of_old_mount(std::uint64_t attributes);

std::string joined(const std::vector<std::string>& flags);  // by newlines
std::string to_argument(Access access);                     // "rw", "ro"
Access access_from(const std::string& argument);
// Is the mount itself to be read-only? The flag "ro" says so as well as the wish.
bool wants_read_only(Access access, const std::vector<std::string>& flags);

}  // namespace blockplug::mount
