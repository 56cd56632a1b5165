// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which processes on this host hold locks on a file. Only looks, decides nothing. A free function, any thread; the search through
// /proc costs milliseconds, so it is made only when there is a conflict to explain.
#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "volume-plugin/local/file_id.h"
#include "volume-plugin/local/lock.h"

namespace blockplug::local {

struct Process {
  pid_t pid{};
  std::string command;  // as /proc/<pid>/comm has it
};

// Those that hold a lock on any of the bytes, ourselves included. One that /proc does not show to us is not among them.
std::vector<Process> processes_locking(const FileId& file, std::span<const ByteRange> bytes);

}  // namespace blockplug::local
