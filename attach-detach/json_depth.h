// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON from outside may be nested so deeply that copying or printing the parsed value overflows the stack. Pure, linear.
#include <cstddef>
#include <string_view>

namespace blockplug {

inline constexpr std::size_t kMostJsonDepth = 64;  // what QEMU, its agent and Cinder send has less than 10

inline bool is_too_deep(std::string_view json) {
  std::size_t depth = 0;
  bool is_string = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char letter = json[at];
    if (is_string) {
      at += letter == '\\' ? 1 : 0;
      is_string = letter != '"';
    } else if (letter == '"') {
      is_string = true;
    } else if (letter == '{' || letter == '[') {
      if (++depth > kMostJsonDepth) return true;
    } else if ((letter == '}' || letter == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace blockplug
