// SPDX-License-Identifier: Apache-2.0
#pragma once
// A number that is all of a text: no spaces, no sign but a minus, nothing behind it. A pure function.
#include <charconv>
#include <optional>
#include <string_view>

namespace blockplug {

template <typename Number>
std::optional<Number> number_from(std::string_view text, int base = 10) {
  Number number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return problem == std::errc{} && end == text.data() + text.size() ? std::optional{number} : std::nullopt;
}

}  // namespace blockplug
