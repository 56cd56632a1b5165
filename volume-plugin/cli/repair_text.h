// SPDX-License-Identifier: Apache-2.0
#pragma once
// Orphans as people read them: what carries our mark and nobody wished for. Pure functions; none is an empty text.
#include <string>

#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

// `dry_run`: nothing is said of what became of them.
std::string orphans_text(const v1::RepairResponse& response, bool dry_run);

// "1 of 3 is still there: local/lost at vm:web-9"; empty where all are gone.
std::string left_text(const v1::RepairResponse& response);

}  // namespace blockplug::cli
