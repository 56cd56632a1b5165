// SPDX-License-Identifier: Apache-2.0
#pragma once
// Durations of one repeated operation. Values; no threads.
#include <functional>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug::bench {

using Milliseconds = std::chrono::duration<double, std::milli>;

class Samples {
 public:
  void add(Clock::duration took) { taken_.push_back(std::chrono::duration_cast<Milliseconds>(took)); }
  Milliseconds median() const { return at(0.5); }
  Milliseconds p95() const { return at(0.95); }
  Milliseconds median_error() const;  // its standard error, estimated from the quartiles

 private:
  Milliseconds at(double share) const;  // zero where nothing was added
  std::vector<Milliseconds> taken_;
};

// Both halves of a cycle, as times and as what is timed.
struct Change {
  Samples attach, detach;
};
struct OrderPerformer {
  std::function<Status()> attach, detach;
};

Status time(const std::function<Status()>& act, Samples& samples);

}  // namespace blockplug::bench
