// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the guest of a VM has a volume that is handed over to its pod. A pure function.
#include <string>

#include "attach-detach/ids.h"

namespace blockplug {

// "/run/blockplug/volumes/ceph/data"; where the volume's id is no path, a hash behind the last slash.
std::string guest_path_of(const VolumeId& volume);

}  // namespace blockplug
