// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ids of rungs for small worlds. The core knows none of them.
#include "hotplug/rungs.h"

namespace blockplug::rungs {

inline const RungKind kReserve{"reserve"}, kConnect{"connect"}, kConfirm{"confirm"};

}  // namespace blockplug::rungs
