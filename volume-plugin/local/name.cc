// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/name.h"

#include "attach-detach/printable.h"

namespace blockplug::local {
namespace {
constexpr std::size_t kMaxLength = 128;

// Not <cctype>: its answers depend on the locale.
bool is_letter_or_digit(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_allowed(char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; }

std::string show(char c) {
  if (c == '\0') return "a NUL byte";
  if (c == '\n') return "a line break";
  if (c == ' ') return "a space";
  return "'" + printable({&c, 1}) + "'";
}

// What is wrong with the name; empty: it is valid.
std::string fault_in(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (name.size() > kMaxLength) return "it has " + std::to_string(name.size()) + " characters";
  for (const char c : name)
    if (!is_allowed(c)) return "it contains " + show(c);
  if (!is_letter_or_digit(name.front())) return "it begins with " + show(name.front());
  if (name.find("..") != std::string_view::npos) return "it contains '..'";
  return {};
}
}  // namespace

Status check_volume_name(std::string_view name) {
  const auto fault = fault_in(name);
  if (fault.empty()) return Ok{};
  return no_effect(Code::InvalidArgument,
                   "'" + printable(name) + "' is not a valid name for a local volume: " + fault +
                       "; use 1 to 128 letters, digits, '.', '_' and '-', beginning with a letter or digit, without '..'");
}

}  // namespace blockplug::local
