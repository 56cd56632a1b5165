// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attach and detach of an RBD image to a real VM, by the daemon and by the bare commands on the same image, and the cost of the
// hold's round trips and of a commit in between; then likewise from the call to the guest's first byte.
#include <map>
#include <string>

#include "tests/bench/bare_disk.h"
#include "tests/bench/hold_trips.h"

namespace blockplug::bench {

// Both ways of attaching one image, and what a way through the daemon has on top.
struct ImageFigures {
  Change bare, ours;
  Change commit;  // one SqliteStore::apply of what an attach, and a detach, writes first
  HoldTimes hold;
};

struct ImagePluggingSettings {
  CephLab lab;
  std::string directory;           // for scratch
  std::map<Bus, std::string> vms;  // their directories (tests/lab/pod-vm); their ids are the buses' names
  std::size_t rounds{};            // of kImageCycles each
};
inline constexpr std::size_t kImageCycles = 5;

struct ImagePluggingFigures {
  struct OnBus {
    ImageFigures change;
    Samples bare_byte, our_byte;  // from the call to the guest's first byte
  };
  std::map<Bus, OnBus> buses;
};

class AdminCaller;
Result<ImagePluggingFigures> measure_image_plugging(const ImagePluggingSettings& settings, AdminCaller& caller);

}  // namespace blockplug::bench
