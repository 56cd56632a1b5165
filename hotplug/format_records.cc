// SPDX-License-Identifier: Apache-2.0
#include "hotplug/format_records.h"

#include <algorithm>
#include <string_view>

namespace blockplug {
namespace {
constexpr std::string_view kNever = "never", kFormatting = "formatting ", kFormatted = "formatted ";
constexpr std::size_t kLongestShown = 80;

bool is_filesystem(std::string_view text) {
  return !text.empty() && text.size() <= 16 && std::ranges::all_of(text, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
  });
}

// 8-4-4-4-12 hexadecimal digits.
bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t index = 0; index < text.size(); ++index) {
    const char letter = text[index];
    const bool is_dash = index == 8 || index == 13 || index == 18 || index == 23;
    const bool is_digit = (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f') || (letter >= 'A' && letter <= 'F');
    if (is_dash ? letter != '-' : !is_digit) return false;
  }
  return true;
}

Error unreadable(const std::string& text) {
  std::string shown = text.substr(0, kLongestShown);
  for (char& letter : shown)
    if (letter < 0x20 || letter >= 0x7f) letter = '?';
  return no_effect(Code::DataLoss, "the volume's format record is unreadable: '" + shown +
                                       "'; the volume is not formatted: check its contents and rewrite the record");
}
}  // namespace

std::string to_text(const FormatRecord& record) {
  switch (record.state) {
    case FormatRecord::State::Never: return std::string(kNever);
    case FormatRecord::State::Formatting: return std::string(kFormatting) + record.filesystem + " " + record.uuid;
    case FormatRecord::State::Formatted: return std::string(kFormatted) + record.filesystem + " " + record.uuid;
  }
  CHECK(!"a format record of a known state");
  return {};
}

Result<FormatRecord> format_record_from(const std::string& text) {
  if (text == kNever) return FormatRecord{};
  const bool is_formatted = text.starts_with(kFormatted);
  if (!is_formatted && !text.starts_with(kFormatting)) return unreadable(text);
  const auto rest = std::string_view(text).substr(is_formatted ? kFormatted.size() : kFormatting.size());
  const auto space = rest.find(' ');
  if (space == std::string_view::npos) return unreadable(text);
  const auto filesystem = rest.substr(0, space), uuid = rest.substr(space + 1);
  if (!is_filesystem(filesystem) || !is_uuid(uuid)) return unreadable(text);
  return FormatRecord{.state = is_formatted ? FormatRecord::State::Formatted : FormatRecord::State::Formatting,
                      .filesystem = std::string(filesystem),
                      .uuid = std::string(uuid)};
}

}  // namespace blockplug
