// SPDX-License-Identifier: Apache-2.0
#pragma once
// The images that a clone reads from where it has no data of its own: its parent, the parent's parent, and so on.
#include "attach-detach/outcome.h"

namespace blockplug::rbd {

struct Pool;

// How many an image has; not more than `most` + 1 are counted. Two reads (about 1 ms each) for each.
Result<int> count_ancestors(Pool& pool, const std::string& id, int most);

}  // namespace blockplug::rbd
