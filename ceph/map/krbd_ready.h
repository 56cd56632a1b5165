// SPDX-License-Identifier: Apache-2.0
#pragma once
// Waits until a new kernel device can be used: its node exists with the right number, and udevd, if it runs, has processed it
// (otherwise udev's `blkid` gets in the way of an exclusive open). A free function, any worker thread.
#include <stop_token>

#include "attach-detach/outcome.h"
#include "ceph/map/krbd_devices.h"

namespace blockplug::rbd {

// Unavailable: it was not ready in time.
Status wait_until_ready(const KrbdDevice& device, Time deadline, const std::stop_token& stop);

}  // namespace blockplug::rbd
