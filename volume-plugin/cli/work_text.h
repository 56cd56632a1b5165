// SPDX-License-Identifier: Apache-2.0
#pragma once
// The daemon's plan, its queue and its VMs as text for people. Pure functions; an empty list gives an empty text.
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

std::string plan_text(const v1::PlanResponse& response);
std::string queue_text(const v1::QueueResponse& response, WallClock::time_point now);
std::string vms_text(const v1::ListVmsResponse& response);

}  // namespace blockplug::cli
