// SPDX-License-Identifier: Apache-2.0
#pragma once
// GuestMount's steps in the guest, one command each. Each is idempotent and runs on the thread of the rung's operation.
#include <string>

#include "attach-detach/rung.h"
#include "hotplug/guest/agent.h"
#include "hotplug/guest/guest_disk.h"
#include "hotplug/guest/guest_mounts.h"

namespace blockplug {

// The access of leaf and trunk combined.
Access access_of(const Call& call);

// "noatime,ro"; InvalidArgument if a flag is not well-formed or changes what mount does. `filesystem`: of a new mount; empty: of
// one that is there.
Result<std::string> mount_options(const Call& call, const std::string& filesystem = {});

// Changes nothing. The first directory that mkdir would have to create for `path`; empty: the path exists. InvalidArgument: it goes
// through a symbolic link. FailedPrecondition: it is not an empty directory.
Result<std::string> check_mount_point(Agent& agent, const std::string& path);
Status make_directory(Agent& agent, const std::string& path);
// Removes the empty directories from `made` down to `path`. Best effort: at worst an empty directory stays.
void remove_directories(Agent& agent, const std::string& path, const std::string& made);

// `elsewhere`: another mount of the same file system, or nullptr. `if_refused`: what explains a mount that is refused as invalid.
Status mount_at(Agent& agent, const GuestDisk& disk, const std::string& filesystem, const MountEntry* elsewhere, const Call& call,
                const std::string& if_refused = {});
// Changes the read-only flag of this mount only.
Status remount(Agent& agent, const MountEntry& mount, const Call& call);
// Grows the mounted file system to the disk's size. Errors have effect Unknown: the file system stays mounted.
Status grow(Agent& agent, const GuestDisk& disk, const std::string& filesystem, const std::string& path);
// True: it is no longer mounted. False: it is in use, and `why` says so.
Result<bool> unmount(Agent& agent, const std::string& path, std::string& why);

}  // namespace blockplug
