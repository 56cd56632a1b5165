// SPDX-License-Identifier: Apache-2.0
#pragma once
// Times and durations as text for people. Pure functions.
#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"

namespace blockplug::cli {

// "500ms", "60s", "2m", "1h": more than 0, at most 24h. InvalidArgument says how to write it.
Result<std::chrono::milliseconds> parse_timeout(std::string_view text);

// "1500ms", "61s".
std::string format_duration(std::chrono::milliseconds duration);

// Rounded for display: "0s", "119s", "5m", "47h", "12d". A negative duration is "0s": clocks differ.
std::string format_age(std::chrono::seconds age);

WallClock::time_point to_wall(const google::protobuf::Timestamp& time);

// RFC 3339 in UTC: "2026-05-01T10:00:00Z", with milliseconds only where there are some.
std::string format_time(const google::protobuf::Timestamp& time);

}  // namespace blockplug::cli
