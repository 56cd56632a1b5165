// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Stage and Publish have in common: the way down, waiting for a helper that was left behind, and how a mount is judged.
#include <functional>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "hotplug/helper/helper.h"
#include "volume-plugin/mount/mount_table.h"
#include "volume-plugin/mount/mount_watch.h"

namespace blockplug::mount {

Waiting wait_for(std::string what);  // looked at again in a second

struct Lowering {
  std::string path;
  std::string number, device;  // whose mount it is; empty: not known
};
// Unmounts, in the helper, and takes away what was made. In use: Waiting, or FailedPrecondition for a hole.
Attempt lower_mount(Helper& helper, MountWatch& watch, const Call& call, const Lowering& task);

// Asks `judge`, unless a helper still works there; what is up is watched from then on, that of an earlier life, too.
Finding probe_mount(Helper& helper, MountWatch& watch, const Call& call, const Result<std::string>& path,
                    const std::function<Finding(const std::string& path)>& judge);
// `there` is not ours: a stranger's, perhaps over ours.
Finding judge_stranger(const std::vector<Mount>& mounts, const Mount& there, const std::function<bool(const Mount&)>& is_ours);

}  // namespace blockplug::mount
