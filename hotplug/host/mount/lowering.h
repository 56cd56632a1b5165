// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Stage and Publish share: unmounting, waiting for a helper that was left behind, and probing a mount.
#include <functional>
#include <string>
#include <vector>

#include "attach-detach/rung.h"
#include "hotplug/host/helper/helper.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/mount_watch.h"

namespace blockplug::mount {

Waiting wait_for(std::string what);  // probed again in a second

struct Lowering {
  std::string path;
  std::string number, device;  // the mounted device; empty: unknown
};
// Unmounts in the helper, and removes the directories that we made. In use: Waiting, or FailedPrecondition for a hole.
Attempt lower_mount(Helper& helper, MountWatch& watch, const Call& call, const Lowering& task);

// Calls `judge` unless a helper is still working there; a mount that is up is watched from then on, also after a restart.
Finding probe_mount(Helper& helper, MountWatch& watch, const Call& call, const Result<std::string>& path,
                    const std::function<Finding(const std::string& path)>& judge);
// Nothing is mounted at `path`. What we created there must still go, even if its mount went with a reboot: Partial.
Finding judge_nothing(const std::string& path, const Facts& before);
// `there` is not ours, but may cover ours.
Finding judge_stranger(const std::vector<Mount>& mounts, const Mount& there, const std::function<bool(const Mount&)>& is_ours);

}  // namespace blockplug::mount
