// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: was an image ever written? A free function; opens the image without a watcher.
#include "ceph/header.h"

namespace blockplug::rbd {

struct Pool;

// True if neither the image nor a parent has objects. Also false if the check would take too long (a large image without an object
// map).
Result<bool> is_never_written(Pool& pool, const Header& header);

}  // namespace blockplug::rbd
