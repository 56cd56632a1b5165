// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/report_text.h"

#include <algorithm>

#include "volume-plugin/cli/table.h"
#include "volume-plugin/cli/time_text.h"

namespace blockplug::cli {
namespace {
constexpr std::size_t kIndent = 2, kGap = 2;
using Rounded = std::chrono::seconds;
}  // namespace

std::string age_of(const google::protobuf::Timestamp& since, WallClock::time_point now) {
  return format_age(std::chrono::floor<Rounded>(now - to_wall(since)));
}

std::string moment(const google::protobuf::Timestamp& time, WallClock::time_point now) {
  const auto ahead = std::chrono::ceil<Rounded>(to_wall(time) - now);
  const auto distance = ahead > Rounded{0} ? "in " + format_age(ahead) : age_of(time, now) + " ago";
  google::protobuf::Timestamp whole;
  whole.set_seconds(time.seconds());
  return format_time(whole) + ", " + distance;
}

Report::Report(const std::string& title) : title_(harmless(title)) {}

void Report::add(const std::string& label, const std::string& value) {
  if (value.empty()) return;
  auto shown = harmless(value);
  shown.erase(shown.find_last_not_of(' ') + 1);
  lines_.emplace_back(harmless(label), std::move(shown));
}

std::string Report::text() const {
  std::size_t width = 0;
  for (const auto& [label, value] : lines_) width = std::max(width, width_of(label));
  std::string text = title_ + "\n";
  std::string last;
  for (const auto& [label, value] : lines_) {
    text += std::string(kIndent, ' ') + padded(label == last ? std::string{} : label, width + kGap) + value + "\n";
    last = label;
  }
  return text;
}

}  // namespace blockplug::cli
