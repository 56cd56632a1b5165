// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/time_text.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "attach-detach/printable.h"

namespace blockplug::cli {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLongest = std::chrono::hours{24};

struct Unit {
  std::string_view name;
  milliseconds length;
};
constexpr std::array<Unit, 4> kUnits{
    {{"ms", milliseconds{1}}, {"s", seconds{1}}, {"m", std::chrono::minutes{1}}, {"h", std::chrono::hours{1}}}};

Error unreadable(std::string_view text) {
  return no_effect(
      Code::InvalidArgument,
      "'" + printable(text) + "' is not a time: write a whole number and a unit, from 1ms to 24h, such as 60s, 2m or 500ms");
}
}  // namespace

Result<milliseconds> parse_timeout(std::string_view text) {
  std::int64_t number{};
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = text.substr(static_cast<std::size_t>(rest - text.data()));
  const auto* known = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& candidate) { return candidate.name == unit; });
  if (problem != std::errc{} || known == kUnits.end()) return unreadable(text);
  if (number <= 0 || number > kLongest / known->length) return unreadable(text);
  return number * known->length;
}

std::string format_duration(milliseconds duration) {
  if (duration % seconds{1} != milliseconds{0}) return std::to_string(duration.count()) + "ms";
  return std::to_string(duration / seconds{1}) + "s";
}

std::string format_age(seconds age) {
  constexpr auto kMinute = std::chrono::minutes{1};
  constexpr auto kHour = std::chrono::hours{1};
  if (age < seconds{0}) return "0s";
  if (age < 2 * kMinute) return std::to_string(age / seconds{1}) + "s";
  if (age < 2 * kHour) return std::to_string(age / kMinute) + "m";
  if (age < 48 * kHour) return std::to_string(age / kHour) + "h";
  return std::to_string(age / (24 * kHour)) + "d";
}

WallClock::time_point to_wall(const google::protobuf::Timestamp& time) {
  return WallClock::time_point{seconds{time.seconds()}} +
         std::chrono::duration_cast<WallClock::duration>(std::chrono::nanoseconds{time.nanos()});
}

std::string format_time(const google::protobuf::Timestamp& time) {
  using google::protobuf::util::TimeUtil;
  return TimeUtil::ToString(TimeUtil::MillisecondsToTimestamp(TimeUtil::TimestampToMilliseconds(time)));
}

}  // namespace blockplug::cli
