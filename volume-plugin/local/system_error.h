// SPDX-License-Identifier: Apache-2.0
#pragma once
// Converts errno to an error.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::local {

// `what` completes "cannot …": "create /var/lib/x/a.raw". Pass errno before anything else can change it.
Error system_error(int error, const std::string& what, Effect effect = Effect::None);

}  // namespace blockplug::local
