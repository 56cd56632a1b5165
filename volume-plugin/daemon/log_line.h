// SPDX-License-Identifier: Apache-2.0
#pragma once
// Formats one message, without its time and level. Pure functions; whatever the bytes are, the result is one line.
#include <string>
#include <string_view>

namespace blockplug {

struct LogMessage {
  std::string_view subject, text, operation;
};

// "subject: text [op id]"; control bytes, backslashes and what is not UTF-8 as \xNN, line breaks as \n.
std::string text_line(const LogMessage& message);

// "subject":"…","text":"…","operation":"…", without braces; what is not UTF-8 as U+FFFD.
std::string json_fields(const LogMessage& message);

}  // namespace blockplug
