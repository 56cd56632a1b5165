// SPDX-License-Identifier: Apache-2.0
#pragma once
// Does anyone else use this file? Hold and Delete share this decision. The result's text names the other user and how to end the
// use. Free functions, any thread.
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"
#include "hotplug/host/file_id.h"

namespace blockplug::local {

// Users of the file that belong to the asking attachment: what an earlier run of the daemon opened.
struct OurOwn {
  std::function<std::optional<pid_t>()> vm_process;            // called only where QEMU's locks are found; may be empty
  std::function<bool(const std::string& device)> is_our_loop;  // "/dev/loop3"; may be empty
};

// Who holds the lock of Blockplug daemons, for a message.
std::string explain_daemon_lock(const FileId& file);

struct ForeignUser {
  std::string text;  // "it is open in process 4711 (qemu-system-x86): stop that process, or remove the disk from it"
  bool is_qemu{};    // found by QEMU's locks; else a loop device
};

// Another user of the file that conflicts with `wanted`: QEMU (found by its locks) or a loop device. nullopt: none.
Result<std::optional<ForeignUser>> find_foreign_user(int fd, const FileId& file, Access wanted, const OurOwn& own);

// Does QEMU or a loop device use the file at all, even for this attachment?
Result<bool> is_in_use(int fd, const FileId& file);

}  // namespace blockplug::local
