// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a rung uses a helper. Free functions on its worker thread.
#include <optional>
#include <string>

#include "attach-detach/rung.h"
#include "hotplug/host/helper/helper.h"

namespace blockplug {

// The call's volume, deadline and stop are the task's; see Helper::run.
Result<Facts> run(Helper& helper, const Call& call, std::string verb, Facts arguments, std::string what);

// Waits for a helper that was left behind and is still working on the call's volume; nullopt: there is none.
std::optional<Waiting> wait_for_helper(Helper& helper, const Call& call);

}  // namespace blockplug
