// SPDX-License-Identifier: Apache-2.0
#pragma once
// Parses an order's arguments. Pure functions.
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::rbd {

Result<std::int64_t> size_in(const Facts& arguments);  // "size_bytes": more than 0, whole sectors

struct Source {
  std::string volume, snapshot;  // snapshot empty: the current state of the volume
};
Result<Source> source_in(const Facts& arguments);

}  // namespace blockplug::rbd
