// SPDX-License-Identifier: Apache-2.0
#pragma once
// A kind of backend that no other folder knows: things of a toy box, with a rung of their own. It shows what a new kind takes.
#include "volume-plugin/daemon/backend_kind.h"

namespace blockplug::toy {

//   backends:
//     box: {type: toy, things: [ball, kite]}
BackendKind toy_kind();

}  // namespace blockplug::toy
