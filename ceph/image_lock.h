// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: locks that people and other programs put on an image (`rbd lock add`; a kubelet of old does).
// The lock that librbd and the kernel take and hand over by themselves (feature exclusive-lock) is none of these. Under one of
// these whoever opens an image with that feature waits for ever at his first write, and so does who deletes it (seen: Ceph 16.2.15).
#include <string>

#include "ceph/header.h"

namespace blockplug::rbd {

// "client.4117 (a_lock, at 192.0.2.7:0/12)", for people, and what takes it off; empty: there is none.
Result<std::string> lock_of_others(Pool& pool, const std::string& image, const Header& header);

}  // namespace blockplug::rbd
