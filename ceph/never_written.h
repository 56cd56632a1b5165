// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: was anything ever written into an image? A free function; opens the image without a watcher.
#include "ceph/header.h"

namespace blockplug::rbd {

struct Pool;

// It has no object of its own, and none of a parent. False also where asking would take too long (large, and without an object map).
Result<bool> is_never_written(Pool& pool, const Header& header);

}  // namespace blockplug::rbd
