// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which processes on this host hold locks on a file. Read-only. A free function, any thread; the search through /proc takes
// milliseconds, so it is made only to explain a conflict.
#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "hotplug/host/file_id.h"
#include "volume-plugin/local/lock.h"

namespace blockplug::local {

struct Process {
  pid_t pid{};
  std::string command;  // as /proc/<pid>/comm has it
};

// The processes that hold a lock on any of the bytes, this one included. Processes hidden from /proc are missing.
std::vector<Process> processes_locking(const FileId& file, std::span<const ByteRange> bytes);

}  // namespace blockplug::local
