// SPDX-License-Identifier: Apache-2.0
#pragma once
// One finding of the doctor. A value without behaviour.
#include <cstdint>
#include <string>

namespace blockplug::doctor {

enum class State : std::uint8_t {
  Ok,
  Limited,  // works, with the restriction in `found`
  Missing,
};

inline const char* to_text(State state) {
  switch (state) {
    case State::Ok: return "ok";
    case State::Limited: return "limited";
    case State::Missing: return "missing";
  }
  return "";
}

struct Check {
  std::string name;  // "loop devices"
  State state{};
  std::string found;       // "/dev/loop-control, 8 devices"
  std::string remedy;      // how to fix it, with the command; empty where ok
  std::string needed_for;  // "volumes on host paths"
  bool operator==(const Check&) const = default;
};

}  // namespace blockplug::doctor
