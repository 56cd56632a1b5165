// SPDX-License-Identifier: Apache-2.0
#pragma once
// The limits of a volume: as backends keep them with the image, and as the order Modify changes and tells them. Pure functions.
// What is not limited is not in it.
#include <string>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug {

using VolumeLimits = decltype(Spec::limits);

inline constexpr const char* kIops = "iops";
inline constexpr const char* kBytesPerSecond = "bytes_per_second";

// 0 takes the limit away. OutOfRange: less than that, or more than any disk does.
Status check_limit(const std::string& name, std::int64_t value);

std::string limits_text(const VolumeLimits& limits);               // "bytes_per_second=1048576 iops=500"; empty: none
Result<VolumeLimits> volume_limits_from(const std::string& text);  // DataLoss: it is not understood

// What they are after a Modify with these arguments. InvalidArgument, OutOfRange.
Result<VolumeLimits> modified(VolumeLimits limits, const Facts& arguments);
// As the order's facts say them: "limit.iops".
Facts limit_facts(const VolumeLimits& limits);

}  // namespace blockplug
