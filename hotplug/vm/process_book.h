// SPDX-License-Identifier: Apache-2.0
#pragma once
// Remembers, across restarts of the daemon, which processes we were ever connected to under a VM's name. It is written before a
// connection is used: with no record there, no process that lives in this boot was ever given a disk of ours under that name.
// One small file per VM in a directory of the daemon's run_dir. Owned by Vms; thread-safe. It does not watch processes.
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "hotplug/vm/process.h"

namespace blockplug {

class ProcessBook {
 public:
  explicit ProcessBook(std::string directory);  // empty: remembers nothing beyond this life
  Status remember(const std::string& vm, const ProcessId& process);
  void forget(const std::string& vm, const ProcessId& process);
  std::map<std::string, std::vector<ProcessId>> living() const;  // by VM; the dead are left out

 private:
  std::vector<ProcessId> read(const std::string& vm) const;
  Status write(const std::string& vm, const std::vector<ProcessId>& processes) const;

  const std::string directory_;
  mutable std::mutex mutex_;
};

}  // namespace blockplug
