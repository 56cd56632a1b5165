// SPDX-License-Identifier: Apache-2.0
#pragma once
// A number that is all of a text: no spaces, no sign but a minus, nothing behind it. Pure functions.
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "attach-detach/outcome.h"

namespace blockplug {

template <typename Number>
std::optional<Number> number_from(std::string_view text, int base = 10) {
  Number number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return problem == std::errc{} && end == text.data() + text.size() ? std::optional{number} : std::nullopt;
}

inline std::int64_t number_fact(const Facts& facts, std::string_view name) {  // 0: there is none
  return number_from<std::int64_t>(fact(facts, name)).value_or(0);
}

}  // namespace blockplug
