// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bytes from outside, made fit for a message.
#include <string>
#include <string_view>

namespace blockplug {

// Control characters, quotes' backslash and all beyond ASCII as \xNN; only the first 64 bytes, then "...".
inline std::string printable(std::string_view text) {
  constexpr std::size_t kLimit = 64;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string shown;
  for (const char character : text.substr(0, kLimit)) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
      shown += character;
    } else {
      shown += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xf]};
    }
  }
  return text.size() > kLimit ? shown + "..." : shown;
}

}  // namespace blockplug
