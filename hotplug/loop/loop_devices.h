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
  std::string path;     // "/dev/loop3"
  std::string number;   // "7:3", of the device itself
  dev_t file_device{};  // of the file behind it
  ino_t file_inode{};
  std::string file;  // its path as the kernel knows it now, perhaps with " (deleted)"
  std::string mark;  // lo_file_name: ours say whose they are; anything for others; empty where there is no node to ask
  Access access{};
  std::int64_t size_bytes{};
  bool is_leaving{};  // somebody detached it: it goes with its last user (autoclear)
  bool is_direct{};
  bool has_node{};  // false: there is no /dev/loop3 here, so only what /sys tells is known
};

Result<std::vector<LoopDevice>> all();
// Those whose file may lie on this file system. What lies on another one that may not answer (a server's, a dead FUSE) is left out,
// unasked: asking for a device's file asks that file system.
Result<std::vector<LoopDevice>> on(dev_t device);
Result<std::vector<LoopDevice>> over(dev_t device, ino_t inode);  // those over one file
Result<std::optional<LoopDevice>> at(const std::string& path);    // nullopt: none such, or it has no file

// For blockplug-helper. Errors have effect None unless they say otherwise.
//   loop-map     file, device, inode (numbers of the file that must be there), access "ro"|"rw", direct "true"|"false", mark
//                → device, number. Already mapped under that mark: the same. FailedPrecondition: another file is there; it is
//                mapped under that mark with another access; no loop devices here. Sectors of 512 bytes always, as in a VM, since
//                what is formatted for others cannot be mounted: where direct I/O needs larger ones, it is buffered I/O.
//   loop-unmap   device, mark → nothing. FailedPrecondition: still in use (mounted somewhere, or open); it is not left
//                half-detached. Not over a file any more, or under another mark: nothing to do.
//   loop-resize  device, mark → size_bytes. FailedPrecondition: it has no such mark (any more).
Verbs verbs();

}  // namespace blockplug::loop
