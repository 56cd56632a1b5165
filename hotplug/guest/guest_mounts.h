// SPDX-License-Identifier: Apache-2.0
#pragma once
// The guest's mount table (/proc/self/mountinfo, read by the agent). guest-get-fsinfo shows neither read-only flags nor mounts
// without a device, which may cover ours.
#include <string>
#include <vector>

#include "attach-detach/ids.h"
#include "attach-detach/shared_readings.h"
#include "hotplug/guest/agent.h"
#include "hotplug/mountinfo.h"

namespace blockplug {

using GuestMounts = std::vector<MountEntry>;  // the oldest first

Result<GuestMounts> read_guest_mounts(Agent& agent);
// By VM: for probes, of all backends' volumes there.
using GuestMountTables = SharedReadings<TargetId, GuestMounts>;
// The visible mount at `path`; nullptr: nothing is mounted there.
const MountEntry* topmost_at(const GuestMounts& mounts, const std::string& path);

}  // namespace blockplug
