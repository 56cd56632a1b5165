// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/samples.h"

#include <algorithm>
#include <cmath>

namespace blockplug::bench {

Milliseconds Samples::at(double share) const {
  if (taken_.empty()) return {};
  auto sorted = taken_;
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
}

// For a normal distribution: the deviation is the quartiles' distance / 1.349, and a median's error 1.2533 times a mean's.
Milliseconds Samples::median_error() const {
  if (taken_.empty()) return {};
  return (at(0.75) - at(0.25)) / 1.349 * 1.2533 / std::sqrt(static_cast<double>(taken_.size()));
}

Status time(const std::function<Status()>& act, Samples& samples) {
  const auto begun = Clock::now();
  TRY(act());
  samples.add(Clock::now() - begun);
  return Ok{};
}

}  // namespace blockplug::bench
