// SPDX-License-Identifier: Apache-2.0
#pragma once
// The limits of a device that can have some ("device.can_limit"), for Stage above it: nothing uses the device during mkfs, so that
// need not wait for them. Changes nothing else of the device.
#include "attach-detach/rung.h"

namespace blockplug {

class DeviceLimits {
 public:
  virtual ~DeviceLimits() = default;
  virtual Status put_limits(const Call& call, const Spec& spec) = 0;  // those of `spec`; `call` is of a rung above
};

}  // namespace blockplug
