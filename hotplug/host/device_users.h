// SPDX-License-Identifier: Apache-2.0
#pragma once
// The users of a block device: mounts in any mount namespace, devices on top of it, processes that have it open. Searches /proc, so
// it is called only to explain a conflict. Free functions, any thread.
#include <string>

#include "attach-detach/rung.h"

namespace blockplug {

// "the mount on /srv/data and process 4711 (dd)"
std::string users_of(const std::string& device, const std::string& number);  // "/dev/rbd0", "251:0"
// What a device that could not be unmapped makes of an attempt. In use (FailedPrecondition): Waiting, naming the users, or an error
// where there is a gap below. Otherwise `why`.
Attempt not_unmapped(const Call& call, const std::string& device, const std::string& number, Error why);

}  // namespace blockplug
