// SPDX-License-Identifier: Apache-2.0
// reason_in: what a person is told of an answer that refuses.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "attach-detach/utf8.h"
#include "cinder/answer_json.h"
#include "cinder/answers.h"
#include "cinder/lower_case.h"

namespace blockplug::cinder {
namespace {

constexpr std::size_t kMostBytes = 300;
constexpr std::size_t kMostLookedAt = 64 << 10;  // of what is not JSON

// One line: runs of spaces and control characters as one space, each character beyond ASCII as '?'.
std::string line_of(std::string_view text) {
  constexpr std::string_view kCut = "...";
  std::string line;
  bool has_gap = false;
  while (!text.empty() && line.size() <= kMostBytes) {
    const auto length = std::max<std::size_t>(utf8_length(text), 1);
    const auto byte = static_cast<unsigned char>(text.front());
    text.remove_prefix(length);
    if (byte <= ' ' || byte == 0x7f) {
      has_gap = true;
      continue;
    }
    if (has_gap && !line.empty()) line += ' ';
    has_gap = false;
    line += byte < 0x7f ? static_cast<char>(byte) : '?';
  }
  if (line.size() > kMostBytes) line.replace(kMostBytes - kCut.size(), std::string::npos, kCut);
  return line;
}

bool is_html(const std::string& lower) {
  return lower.find("<!doctype html") != std::string::npos || lower.find("<html") != std::string::npos ||
         lower.find("<title") != std::string::npos;
}

std::string title_in(std::string_view html, const std::string& lower) {
  const auto tag = lower.find("<title");
  const auto begin = tag == std::string::npos ? tag : lower.find('>', tag);
  const auto end = begin == std::string::npos ? begin : lower.find('<', begin);
  const auto title = end == std::string::npos ? std::string{} : line_of(html.substr(begin + 1, end - begin - 1));
  return title.empty() ? "a page of HTML" : title;
}

// Some of OpenStack's messages were made for a browser.
std::string without_breaks(std::string text) {
  constexpr std::string_view kBreak = "<br />";
  for (auto at = text.find(kBreak); at != std::string::npos; at = text.find(kBreak, at)) text.replace(at, kBreak.size(), " ");
  return text;
}

// {"badRequest": {"message": …}}, {"error": {"message": …}}, {"error": …}, {"message": …}, {"errors": [{"detail": …}]}
std::string message_in(const Json& json) {
  const Json* errors = member(json, "errors");
  const Json& inner = errors != nullptr && errors->is_array() && !errors->empty() ? errors->front() : json;
  for (const auto* name : {"message", "error_description", "detail", "title", "error", "faultstring"})
    if (const auto* text = member(inner, name); text != nullptr && text->is_string()) return text->get<std::string>();
  if (!json.is_object()) return json.is_string() ? json.get<std::string>() : std::string{};
  for (const auto& [name, value] : json.items())
    if (const auto* text = member(value, "message"); text != nullptr && text->is_string()) return text->get<std::string>();
  return {};
}

}  // namespace

std::string reason_in(std::string_view body) {
  if (const auto json = json_from(body); json.ok()) return line_of(without_breaks(message_in(*json)));
  const auto shown = body.substr(0, kMostLookedAt);
  const auto lower = lower_case(std::string(shown));
  return is_html(lower) ? title_in(shown, lower) : line_of(shown);
}

}  // namespace blockplug::cinder
