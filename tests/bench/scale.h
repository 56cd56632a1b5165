// SPDX-License-Identifier: Apache-2.0
#pragma once
// The daemon's own cost, on fake backends: one change among many attachments, a restart, memory, idle time.
#include <map>
#include <string>

#include "tests/bench/samples.h"

namespace blockplug::bench {

struct ScaleSettings {
  std::string program;    // blockplugd-fake
  std::string directory;  // for scratch
  std::size_t cycles{};   // of one attach and detach, among each number of attachments
  std::size_t restarts{};
  std::chrono::seconds idle{};
};

struct ScaleFigures {
  struct Among {
    Samples empty_call;  // one that asks nothing: what gRPC costs
    Change change;
  };
  std::map<std::size_t, Among> among;  // by number of attachments that are there
  std::size_t filled{};                // attachments made by concurrent calls …
  Clock::duration filling{};           // … and how long that took
  std::int64_t bytes_empty{}, bytes_filled{};

  struct Restart {
    Samples answering, probed;  // since exec
  };
  std::map<std::size_t, Restart> restarts;  // by number of attachments
  std::size_t idle_with{};
  double idle_share{};  // of one core
};

Result<ScaleFigures> measure_scale(const ScaleSettings& settings);

}  // namespace blockplug::bench
