// SPDX-License-Identifier: Apache-2.0
#pragma once
// When a device that the kernel has just made may be used: its node is there, with the right number, and udevd, where it runs, has
// done with it (else its `blkid` is in the way of whoever wants the device for himself). A free function, any worker thread.
#include <stop_token>

#include "attach-detach/outcome.h"
#include "ceph/map/krbd_devices.h"

namespace blockplug::rbd {

// Unavailable: it was not by then.
Status wait_until_ready(const KrbdDevice& device, Time deadline, const std::stop_token& stop);

}  // namespace blockplug::rbd
