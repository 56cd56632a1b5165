// SPDX-License-Identifier: Apache-2.0
#pragma once
// What this machine can do and lacks, as people read it. Pure functions.
#include <string>

#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

// A line each; below one that is not ok, what it is needed for and what to do.
std::string checks_text(const v1::DoctorResponse& response);

// "2 things are missing: loop devices, ext4 programs"; empty where none is.
std::string missing_text(const v1::DoctorResponse& response);

}  // namespace blockplug::cli
