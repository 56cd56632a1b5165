// SPDX-License-Identifier: Apache-2.0
#include "hotplug/base64.h"

#include <array>
#include <cstdint>

namespace blockplug {
namespace {
constexpr std::uint8_t kNone = 64;

constexpr std::array<std::uint8_t, 256> make_values() {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint8_t, 256> values{};
  values.fill(kNone);
  for (std::size_t value = 0; value < kDigits.size(); ++value)
    values[static_cast<unsigned char>(kDigits[value])] = static_cast<std::uint8_t>(value);
  return values;
}
constexpr auto kValues = make_values();
}  // namespace

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int waiting = 0;
  for (const char letter : text) {
    const std::uint32_t value = kValues[static_cast<unsigned char>(letter)];
    if (value == kNone) return std::nullopt;
    bits = (bits << 6U | value) & 0xffffffU;
    waiting += 6;
    if (waiting < 8) continue;
    waiting -= 8;
    bytes += static_cast<char>(bits >> static_cast<unsigned>(waiting) & 0xffU);
  }
  return bytes;
}

}  // namespace blockplug
