// SPDX-License-Identifier: Apache-2.0
#pragma once
// Records, across restarts of the daemon, which processes we were connected to for each VM. It is written before a connection is
// used: a process that is not recorded never got a disk from us in this boot. One small file per VM in a directory below run_dir.
// Owned by Vms; thread-safe. It does not watch processes.
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "hotplug/host/process/process.h"

namespace blockplug {

class ProcessBook {
 public:
  explicit ProcessBook(std::string directory);  // empty: keeps no record across restarts
  Status remember(const std::string& vm, const ProcessId& process);
  void forget(const std::string& vm, const ProcessId& process);
  std::map<std::string, std::vector<ProcessId>> living() const;  // by VM; without dead processes

 private:
  std::vector<ProcessId> read(const std::string& vm) const;
  Status write(const std::string& vm, const std::vector<ProcessId>& processes) const;

  const std::string directory_;
  mutable std::mutex mutex_;
};

}  // namespace blockplug
