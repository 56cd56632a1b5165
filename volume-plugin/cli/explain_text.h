// SPDX-License-Identifier: Apache-2.0
#pragma once
// `attachment explain`: a short report for the operator on call. Pure function.
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

std::string explanations_text(const v1::ExplainResponse& response, WallClock::time_point now);

}  // namespace blockplug::cli
