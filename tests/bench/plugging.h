// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attach and detach of a file volume to a real VM: by the daemon, by the bare commands, and the cost of a commit in between.
#include <map>
#include <string>

#include "tests/bench/bare_disk.h"
#include "tests/bench/samples.h"

namespace blockplug::bench {

struct PluggingSettings {
  std::string program;             // blockplugd
  std::string directory;           // for scratch, on the file system that is meant
  std::string vm_sockets;          // the daemon's pattern; VM ids are the buses' names
  std::map<Bus, std::string> vms;  // their directories (tests/lab/pod-vm)
  std::size_t rounds{};            // of kCyclesPerRound each
};
inline constexpr std::size_t kCyclesPerRound = 10;

struct PluggingFigures {
  struct OnBus {
    Change bare, ours;
    Change commit;  // one SqliteStore::apply of what an attach, and a detach, writes first
  };
  std::map<Bus, OnBus> buses;
};

Result<PluggingFigures> measure_plugging(const PluggingSettings& settings);

}  // namespace blockplug::bench
