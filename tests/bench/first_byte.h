// SPDX-License-Identifier: Apache-2.0
#pragma once
// A guest that waits for its only disk and says as soon as it has read a sector of it, with no cache between. Started through the
// agent before the disk is attached, and heard by GuestLog::wait_for_byte.
#include <string>

#include "tests/bench/bare_disk.h"

namespace blockplug::bench {

// How often the guest looks for the disk; GuestLog looks at what it says as often.
inline constexpr std::chrono::milliseconds kGuestLooks{5};

Status await_first_byte(const std::string& agent_socket, Bus bus);

}  // namespace blockplug::bench
