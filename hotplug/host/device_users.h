// SPDX-License-Identifier: Apache-2.0
#pragma once
// The users of a block device: mounts in any mount namespace, devices on top of it, processes that have it open. Searches /proc, so
// it is called only to explain a conflict. A free function, any thread.
#include <string>

namespace blockplug {

// "the mount on /srv/data and process 4711 (dd)"
std::string users_of(const std::string& device, const std::string& number);  // "/dev/rbd0", "251:0"

}  // namespace blockplug
