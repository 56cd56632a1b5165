// SPDX-License-Identifier: Apache-2.0
#pragma once
// Checks whether this machine has what Blockplug needs, and says how to fix what is missing. Leaves nothing behind: it loads no
// module, makes no device and connects to no monitor. May block briefly on files; any thread.
#include <vector>

#include "volume-plugin/doctor/check.h"
#include "volume-plugin/doctor/subject.h"

namespace blockplug::doctor {

std::vector<Check> examine(const Subject& subject);

}  // namespace blockplug::doctor
