// SPDX-License-Identifier: Apache-2.0
#pragma once
// May this file be used, or is somebody else there? The one decision that Hold and Delete share, with a text that names who it
// is and how to end it. Free functions, any thread.
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"
#include "volume-plugin/local/file_id.h"

namespace blockplug::local {

// Who may be there on behalf of the very attachment that asks: what an earlier life of the daemon opened.
struct OurOwn {
  std::function<std::optional<pid_t>()> vm_process;            // asked only where QEMU's locks are found; may be empty
  std::function<bool(const std::string& device)> is_our_loop;  // "/dev/loop3"; may be empty
};

// Who holds our own kind of lock, for a message.
std::string explain_daemon_lock(const FileId& file);

struct ForeignUser {
  std::string text;  // "it is open in process 4711 (qemu-system-x86): stop that, or take the disk out of it"
  bool is_qemu{};    // known by QEMU's locks; else a loop device
};

// Who else uses the file in a way that `wanted` cannot stand beside: QEMU by its locks, loop devices. nullopt: nobody.
Result<std::optional<ForeignUser>> find_foreign_user(int fd, const FileId& file, Access wanted, const OurOwn& own);

// Does QEMU or a loop device have the file at all, be it on our own behalf?
Result<bool> is_in_use(int fd, const FileId& file);

}  // namespace blockplug::local
