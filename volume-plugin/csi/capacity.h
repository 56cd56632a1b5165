// SPDX-License-Identifier: Apache-2.0
#pragma once
// CSI's CapacityRange: which size a volume gets. Pure functions; sizes are bytes.
#include <cstdint>

#include "attach-detach/outcome.h"
#include "volume-plugin/csi/csi.pb.h"

namespace blockplug::csi {

struct SizeRule {
  std::int64_t least{};      // what a source or a file system needs
  std::int64_t step{512};    // whole multiples of it
  std::int64_t otherwise{};  // where nothing is required
};

// The smallest size that fits. OutOfRange: none does; InvalidArgument: a negative number, or a limit below what is required.
Result<std::int64_t> size_for(const ::csi::v1::CapacityRange& range, const SizeRule& rule);

// Would a volume of this size do?
bool is_within(const ::csi::v1::CapacityRange& range, std::int64_t size_bytes);

}  // namespace blockplug::csi
