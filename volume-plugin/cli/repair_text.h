// SPDX-License-Identifier: Apache-2.0
#pragma once
// Orphans (things that have our marker but no record) as text for people. Pure functions; no orphans give an empty text.
#include <string>

#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

// `dry_run`: without the outcome.
std::string orphans_text(const v1::RepairResponse& response, bool dry_run);

// "1 of 3 is still there: local/lost at vm:web-9"; empty where all were removed.
std::string left_text(const v1::RepairResponse& response);

}  // namespace blockplug::cli
