// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: locks on an image.
#include <string>

#include "ceph/header.h"

namespace blockplug::rbd {

// Locks that people and other programs put on an image (`rbd lock add`, as an old kubelet does), without the lock that librbd and
// the kernel manage themselves (feature exclusive-lock). While such a lock exists, a client that opens an image with that feature
// blocks indefinitely at its first write, and so does a delete (seen with Ceph 16.2.15). The result is for people: "client.4117
// (a_lock, at 192.0.2.7:0/12)", and how to remove it; empty: none.
Result<std::string> lock_of_others(Pool& pool, const std::string& image, const Header& header);

// The exclusive lock of librbd and the kernel: to change an image, librbd asks its owner for it; if the owner has been silent for
// 30 s, librbd breaks the lock and blocklists the owner, which is a fence without an order. Unavailable: a client that holds the
// image for writing is silent, and not verifiably dead.
Status check_writers_answer(Pool& pool, const Header& header);

}  // namespace blockplug::rbd
