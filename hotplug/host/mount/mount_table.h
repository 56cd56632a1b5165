// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is mounted, as the kernel says it (/proc/self/mountinfo). Never asks the mounted file systems
// themselves: a dead one would not answer. Free functions, any thread.
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "hotplug/mountinfo.h"

namespace blockplug::mount {

using Mount = MountEntry;

Result<std::vector<Mount>> all_mounts();
// Of another mount namespace: `file` is "/proc/<pid>/mountinfo".
Result<std::vector<Mount>> mounts_in(const std::string& file);
// The topmost at exactly this path (already resolved: no symbolic links). nullopt: nothing is mounted there.
std::optional<Mount> find_at(const std::vector<Mount>& mounts, const std::string& path);

// Is it the whole file system of the block device with this number?
bool is_filesystem_of(const Mount& mount, const std::string& number);
// Is it a bind mount of the device node? `device`: "/dev/loop3".
bool is_node_of(const Mount& mount, const std::string& device);

}  // namespace blockplug::mount
