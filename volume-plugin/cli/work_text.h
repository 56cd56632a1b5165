// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the daemon does and what it works on, as people read it: the plan, the queue, the VMs. Pure functions; an empty list is
// an empty text.
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

std::string plan_text(const v1::PlanResponse& response);
std::string queue_text(const v1::QueueResponse& response, WallClock::time_point now);
std::string vms_text(const v1::ListVmsResponse& response);

}  // namespace blockplug::cli
