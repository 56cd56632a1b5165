// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/log_line.h"

#include <nlohmann/json.hpp>

#include "attach-detach/utf8.h"

namespace blockplug {
namespace {

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
