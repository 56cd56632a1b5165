// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/device_mark.h"

#include "hotplug/hash_text.h"

namespace blockplug {

std::string device_mark(const std::string& owner, const VolumeId& volume) {
  return std::string(kDeviceMarkPrefix) + hash_text(owner + "\n" + volume.str());
}

}  // namespace blockplug
