// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/log_line.h"

#include <nlohmann/json.hpp>

namespace blockplug {
namespace {

// How many bytes of well-formed UTF-8 (RFC 3629, 4) begin here; 0: none do.
std::size_t utf8_length(std::string_view text) {
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

bool is_control(std::string_view character) {  // C0, DEL, and C1, which a terminal may obey too
  const auto first = static_cast<unsigned char>(character.front());
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

void append_printable(std::string& line, std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto character = text.substr(0, length == 0 ? 1 : length);
    text.remove_prefix(character.size());
    if (character == "\n")
      line += "\\n";
    else if (character == "\\")
      line += "\\\\";
    else if (length != 0 && !is_control(character))
      line += character;
    else
      for (const char one : character) {
        const auto byte = static_cast<unsigned char>(one);
        line += {'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 0xfU]};
      }
  }
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string text_line(const LogMessage& message) {
  std::string line;
  append_printable(line, message.subject);
  line += ": ";
  append_printable(line, message.text);
  if (message.operation.empty()) return line;
  line += " [op ";
  append_printable(line, message.operation);
  return line + "]";
}

std::string json_fields(const LogMessage& message) {
  auto fields = "\"subject\":" + json_text(message.subject) + ",\"text\":" + json_text(message.text);
  if (!message.operation.empty()) fields += ",\"operation\":" + json_text(message.operation);
  return fields;
}

}  // namespace blockplug
