// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text from outside as UTF-8. Pure functions.
#include <algorithm>
#include <string>
#include <string_view>

namespace blockplug {

// How many bytes of well-formed UTF-8 (RFC 3629, 4) begin here; 0: none do.
inline std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
  const auto first = byte(0);
  const std::size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (std::size_t at = 1; at < length; ++at)
    if ((byte(at) & 0xc0U) != 0x80U) return 0;
  const auto second = byte(1);
  const bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool is_beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);  // surrogates; above U+10FFFF
  return is_overlong || is_beyond ? 0 : length;
}

// Of one character: C0, DEL, and C1, which some terminals obey, too.
inline bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

// Each byte that is not UTF-8 as U+FFFD.
inline std::string as_utf8(std::string_view text) {
  std::string whole;
  while (!text.empty()) {
    const auto length = utf8_length(text);
    whole += length == 0 ? "\xef\xbf\xbd" : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return whole;
}

}  // namespace blockplug
