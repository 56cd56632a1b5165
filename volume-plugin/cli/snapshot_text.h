// SPDX-License-Identifier: Apache-2.0
#pragma once
// Snapshots as text for people. Pure functions; an empty list gives an empty text.
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

std::string snapshots_text(const v1::ListSnapshotsResponse& response, WallClock::time_point now);

}  // namespace blockplug::cli
