// SPDX-License-Identifier: Apache-2.0
#pragma once
// Mounts a volume's file system at a host path, and in a guest: by the daemon, and by the necessary programs and calls.
#include <string>

#include "tests/bench/samples.h"

namespace blockplug::bench {

struct MountingSettings {
  std::string program;     // blockplugd
  std::string directory;   // for scratch, on the file system that is meant
  std::string vm_sockets;  // the daemon's pattern
  std::string vm;          // directory of the VM "scsi" (tests/lab/pod-vm)
  std::size_t host_cycles{}, format_rounds{}, guest_rounds{};
};

struct MountingFigures {
  struct Against {
    Change bare, ours;
    Change commit;  // one SqliteStore::apply of what an attach, and a detach, writes first
  };
  Against host, format, guest;  // of format only the attach
};

Result<MountingFigures> measure_mounting(const MountingSettings& settings);

}  // namespace blockplug::bench
