// SPDX-License-Identifier: Apache-2.0
#pragma once
// Plugs a disk and mounts it in the guest with only the necessary QMP commands and guest agent calls: the baseline for the daemon.
#include <memory>
#include <string>

#include "hotplug/guest/agent.h"
#include "tests/bench/bare_disk.h"

namespace blockplug::bench {

class BareGuestMount {
 public:
  struct Vm {
    std::string monitor, agent;  // sockets
  };
  static Result<BareGuestMount> make(Vm vm, const std::string& file);  // on SCSI; the guest has no other disk
  Status attach();                                                     // plug; mkdir -p and mount, as soon as the guest has it
  Status detach();                                                     // umount; unplug

 private:
  BareGuestMount(std::unique_ptr<BareDisk> disk, std::string agent) : disk_(std::move(disk)), agent_(std::move(agent)) {}
  Result<Agent> connect() const;
  std::unique_ptr<BareDisk> disk_;
  std::string agent_;
};

}  // namespace blockplug::bench
