// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one table that decides whether and when something is tried again.
#include <chrono>

#include "attach-detach/outcome.h"

namespace blockplug {

// 500 ms, doubled up to 2 min 2 s (the same as kubelet's, so an operator recognises it).
std::chrono::milliseconds delay_after(int attempts);

// An attach that has never been complete and fails like this withdraws its own desired state: trying again cannot help.
bool is_final(const Error& error);

}  // namespace blockplug
