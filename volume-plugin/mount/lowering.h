// SPDX-License-Identifier: Apache-2.0
#pragma once
// What Stage and Publish have in common: the way down, and waiting for a helper that was left behind.
#include <string>

#include "attach-detach/rung.h"
#include "hotplug/helper/helper.h"
#include "volume-plugin/mount/mount_watch.h"

namespace blockplug::mount {

Waiting wait_for(std::string what);  // looked at again in a second

struct Lowering {
  std::string path;
  std::string number, device;  // whose mount it is; empty: not known
};
// Unmounts, in the helper, and takes away what was made. In use: Waiting, or FailedPrecondition for a hole.
Attempt lower_mount(Helper& helper, MountWatch& watch, const Call& call, const Lowering& task);

}  // namespace blockplug::mount
