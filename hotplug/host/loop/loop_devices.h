// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel's loop devices: identified by the inode behind them, never by device number. Free functions, any thread.
// Source: linux/loop.h, loop(4), kernel drivers/block/loop.c.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"
#include "hotplug/host/helper/program.h"

namespace blockplug::loop {

struct LoopDevice {
  std::string path;     // "/dev/loop3"
  std::string number;   // "7:3", of the device itself
  dev_t file_device{};  // device number of the file behind it
  ino_t file_inode{};
  std::string file;  // its current path in the kernel, with " (deleted)" if it was deleted
  std::string mark;  // lo_file_name: our marker, or anything for devices of others; empty if there is no device node
  Access access{};
  std::int64_t size_bytes{};
  bool is_leaving{};  // it was detached and goes with its last user (autoclear)
  bool is_direct{};
  bool has_node{};  // false: there is no /dev/loop3, so only the data from /sys is known
};

Result<std::vector<LoopDevice>> all();
// Devices whose file may be on this file system. Devices over another file system that may not answer (a server's, a dead FUSE) are
// skipped, because getting a device's file asks that file system.
Result<std::vector<LoopDevice>> on(dev_t device);
Result<std::vector<LoopDevice>> over(dev_t device, ino_t inode);  // devices over one file
Result<std::optional<LoopDevice>> at(const std::string& path);    // nullopt: no such device, or it has no file

// For blockplug-helper. Errors have effect None unless they say otherwise.
//   loop-map     file, device, inode (numbers of the expected file), access "ro"|"rw", direct "true"|"false", mark
//                → device, number. Already mapped under that mark: the same. FailedPrecondition: the path has another file; it is
//                mapped under that mark with another access; the host has no loop devices. Sectors always have 512 bytes, as in a
//                VM, since a file system made with other sectors cannot be mounted; if direct I/O needs larger ones, I/O is
//                buffered.
//   loop-unmap   device, mark → nothing. FailedPrecondition: still in use (mounted or open); it is not left
//                half-detached. No longer over a file, or with another mark: nothing to do.
//   loop-resize  device, mark → size_bytes. FailedPrecondition: it does not have this mark.
Verbs verbs();

}  // namespace blockplug::loop
