// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an order's arguments say. Pure functions.
#include <cstdint>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"

namespace blockplug::rbd {

Result<std::int64_t> size_in(const Facts& arguments);         // "size_bytes": more than nothing, whole sectors
std::string fact(const Facts& facts, std::string_view name);  // empty where there is none

struct Source {
  std::string volume, snapshot;  // snapshot empty: the volume as it is now
};
Result<Source> source_in(const Facts& arguments);

}  // namespace blockplug::rbd
