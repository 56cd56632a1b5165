// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lets a guest wait for its only disk and report when it has read a sector of it, without a cache. Started through the agent before
// the disk is attached; GuestLog::wait_for_byte waits for the report.
#include <string>

#include "tests/bench/bare_disk.h"

namespace blockplug::bench {

// How often the guest looks for the disk; GuestLog looks at what it says as often.
inline constexpr std::chrono::milliseconds kGuestLooks{5};

Status await_first_byte(const std::string& agent_socket, Bus bus);

}  // namespace blockplug::bench
