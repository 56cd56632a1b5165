// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who uses a block device: mounts in any mount namespace, devices on top of it, processes that have it open. A search through /proc,
// made only when there is a conflict to explain. A free function, any thread.
#include <string>

#include "hotplug/loop/loop_devices.h"

namespace blockplug {

// "the mount on /srv/data and process 4711 (dd)"
std::string users_of(const std::string& device, const std::string& number);  // "/dev/rbd0", "251:0"
inline std::string users_of(const loop::LoopDevice& device) { return users_of(device.path, device.number); }

}  // namespace blockplug
