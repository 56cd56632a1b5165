// SPDX-License-Identifier: Apache-2.0
#pragma once
// What this machine can do for Blockplug, and what it lacks, with what to do about it. Looks and tries, and leaves nothing behind:
// no module is loaded, no device made, no monitor spoken to. Blocks on files for moments; any thread.
#include <vector>

#include "volume-plugin/doctor/check.h"
#include "volume-plugin/doctor/subject.h"

namespace blockplug::doctor {

std::vector<Check> examine(const Subject& subject);

}  // namespace blockplug::doctor
