// SPDX-License-Identifier: Apache-2.0
#pragma once
// The doctor's findings as text for people. Pure functions.
#include <string>

#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

// One line per check; below a check that is not ok, what it is needed for and how to fix it.
std::string checks_text(const v1::DoctorResponse& response);

// "2 checks failed: loop devices, ext4 programs"; empty where nothing is missing.
std::string missing_text(const v1::DoctorResponse& response);

}  // namespace blockplug::cli
