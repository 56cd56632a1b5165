// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who on this host uses a file: the processes that hold locks on it, and the loop devices over it. Only looks, decides nothing.
// Free functions, any thread; the search through /proc costs milliseconds, so it is made only when there is a conflict to explain.
#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"
#include "volume-plugin/local/file_id.h"
#include "volume-plugin/local/lock.h"

namespace blockplug::local {

struct Process {
  pid_t pid{};
  std::string command;  // as /proc/<pid>/comm has it
};

// Those that hold a lock on any of the bytes, ourselves included. One that /proc does not show to us is not among them.
std::vector<Process> processes_locking(const FileId& file, std::span<const ByteRange> bytes);

struct LoopDevice {
  std::string path;  // "/dev/loop3"
  Access access{};
};

// Loop devices over the file, found by device and inode, whatever path they were given.
Result<std::vector<LoopDevice>> loops_over(const FileId& file);

}  // namespace blockplug::local
