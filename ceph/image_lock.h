// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: who has an image locked.
#include <string>

#include "ceph/header.h"

namespace blockplug::rbd {

// Locks that people and other programs put on an image (`rbd lock add`; a kubelet of old does). The lock that librbd and the kernel
// take and hand over by themselves (feature exclusive-lock) is none of these. Under one of these whoever opens an image with that
// feature waits for ever at his first write, and so does who deletes it (seen: Ceph 16.2.15). The result is for people: "client.4117
// (a_lock, at 192.0.2.7:0/12)", and what takes it off; empty: there is none.
Result<std::string> lock_of_others(Pool& pool, const std::string& image, const Header& header);

// The other lock, the own one of librbd and the kernel: whoever wants to change an image asks its owner for it, and where that has
// been silent for 30 s, librbd breaks it and has the monitors shut the owner out: a fence that nobody ordered. Unavailable: a client
// that holds the image for writing is silent, and not proven dead.
Status check_writers_answer(Pool& pool, const Header& header);

}  // namespace blockplug::rbd
