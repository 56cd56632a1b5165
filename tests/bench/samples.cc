// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/samples.h"

#include <algorithm>

namespace blockplug::bench {

Milliseconds Samples::at(double share) const {
  if (taken_.empty()) return {};
  auto sorted = taken_;
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
}

}  // namespace blockplug::bench
