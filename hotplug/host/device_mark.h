// SPDX-License-Identifier: Apache-2.0
#pragma once
// The mark that block devices of this daemon carry on the host: loop devices in their name field, krbd mappings as the name of
// their key, storage daemons as the name of their directory. It tells ours from another daemon's. A pure function.
#include <string>
#include <string_view>

#include "attach-detach/ids.h"

namespace blockplug {

inline constexpr std::string_view kDeviceMarkPrefix = "bp-";

// `owner`: which daemon this is, its node and its state_dir. "bp-" and 26 characters, the same in every life of the daemon.
std::string device_mark(const std::string& owner, const VolumeId& volume);

}  // namespace blockplug
