// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a guest or QEMU says becomes part of messages, lists and the store. Pure.
#include <algorithm>
#include <string>

namespace blockplug {

// In one line, and only so much of it.
inline std::string in_a_message(std::string text) {
  constexpr std::size_t kMostBytes = 2000;  // QEMU's own are shorter
  if (text.size() > kMostBytes) text.resize(kMostBytes), text += "...";
  std::ranges::replace_if(
      text, [](unsigned char letter) { return letter < 0x20 || letter == 0x7f; }, ' ');
  return text;
}

}  // namespace blockplug
