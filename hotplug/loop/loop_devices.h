// SPDX-License-Identifier: Apache-2.0
#pragma once
// Loop devices as the kernel has them: found by the inode behind them, never by number. Free functions, any thread.
// Source: linux/loop.h, loop(4), kernel drivers/block/loop.c.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"
#include "hotplug/helper/program.h"

namespace blockplug::loop {

struct LoopDevice {
  std::string path;          // "/dev/loop3"
  std::string number;        // "7:3", of the device itself
  dev_t file_device{};       // of the file behind it
  ino_t file_inode{};
  std::string file;          // its path as the kernel knows it now, perhaps with " (deleted)"
  std::string mark;          // lo_file_name: ours say whose they are; anything for others
  Access access{};
  std::int64_t size_bytes{};
  bool is_leaving{};         // somebody detached it: it goes with its last user (autoclear)
  bool is_direct{};
};

Result<std::vector<LoopDevice>> all();
Result<std::vector<LoopDevice>> over(dev_t device, ino_t inode);  // those over one file
Result<std::optional<LoopDevice>> at(const std::string& path);    // nullopt: none such, or it has no file

// For blockplug-helper. Errors have effect None unless they say otherwise.
//   loop-map     file, device, inode (numbers of the file that must be there), access "ro"|"rw", direct "true"|"false", mark
//                → device, number. Already mapped under that mark: the same.
//   loop-unmap   device, mark → nothing. FailedPrecondition: still in use (mounted somewhere, or open); it is not left half-detached.
//   loop-resize  device, mark → size_bytes
Verbs verbs();

}  // namespace blockplug::loop
