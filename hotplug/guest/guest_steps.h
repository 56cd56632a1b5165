// SPDX-License-Identifier: Apache-2.0
#pragma once
// What GuestMount does in a guest, one command each. Each is idempotent and used on the thread of one operation of the rung.
#include <string>
#include <variant>

#include "attach-detach/rung.h"
#include "hotplug/guest/agent.h"
#include "hotplug/guest/guest_disk.h"
#include "hotplug/guest/guest_mounts.h"

namespace blockplug {

// Of the leaf and the trunk together.
Access access_of(const Call& call);

// "noatime,ro"; InvalidArgument where a flag is no plain word or would do something else than mount.
Result<std::string> mount_options(const Call& call);

// The first directory that mkdir would have to make for `path`; empty: it is there.
Result<std::string> first_missing(Agent& agent, const std::string& path);
// Changes nothing. InvalidArgument: the path goes through a symbolic link. FailedPrecondition: it holds something that a mount
// would hide. `missing`: what first_missing says of it.
Status check_mount_point(Agent& agent, const std::string& path, const std::string& missing);
Status make_directory(Agent& agent, const std::string& path);
// Those from `made` down to `path` that are empty. Best effort: what stays is an empty directory.
void remove_directories(Agent& agent, const std::string& path, const std::string& made);

// `elsewhere`: where the same file system is mounted already, or nullptr.
Status mount_at(Agent& agent, const GuestDisk& disk, const std::string& filesystem, const GuestMountEntry* elsewhere,
                const Call& call);
// Read-only or not, of this mount alone.
Status remount(Agent& agent, const GuestMountEntry& mount, const Call& call);
// The file system, to the disk's size, live. Errors have effect Unknown: the file system stays mounted.
Status grow(Agent& agent, const GuestDisk& disk, const std::string& filesystem, const std::string& path);
// True: it is not mounted any more. False: it is in use, and `why` says so.
Result<bool> unmount(Agent& agent, const std::string& path, std::string& why);

}  // namespace blockplug
