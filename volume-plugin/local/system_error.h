// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the kernel's errno means to a caller.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::local {

// `what` says which thing could not be done: "make /var/lib/x/a.raw". Pass errno before anything else can change it.
Error system_error(int error, const std::string& what, Effect effect = Effect::None);

}  // namespace blockplug::local
