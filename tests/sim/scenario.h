// SPDX-License-Identifier: Apache-2.0
#pragma once
// One seed: a daemon that lives, is asked for things, is crashed, rebooted and tampered with; first with faults, for safety, then
// without, for liveness; at the end everything is detached and nothing may be left.
#include <cstdint>
#include <string>

namespace blockplug::sim {

struct Score {
  std::string failure;  // empty: all rules held
  std::int64_t jobs{}, struck{}, crashes{}, fences{}, events{};
};

Score run_scenario(std::uint64_t seed, const std::string& directory, bool is_verbose);

}  // namespace blockplug::sim
