// SPDX-License-Identifier: Apache-2.0
#pragma once
// Checks, grows and mounts file systems, with their programs and the kernel. Inside the helper only: every call may block for as
// long as the device does. Free functions.
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "hotplug/host/helper/program.h"
#include "hotplug/host/mount/flags.h"

namespace blockplug::mount {

// FailedPrecondition: the program is missing; the message names its package.
Result<Ran> run_tool(const std::vector<std::string>& command);

// By e2fsck -fn. FailedPrecondition: this e2fsck is too old for it.
Result<bool> is_sound_ext4(const std::string& device);
Status repair_ext4(const std::string& device);  // by e2fsck -p: repairs that are safe without a person
Status grow_unmounted_ext4(const std::string& device);
// Grows it to the size of the device. FailedPrecondition: this kernel, or missing capabilities, prevent it.
Status grow_mounted(const std::string& filesystem, const std::string& device, const std::string& path);

// Does the file system know these options? Asks the kernel, without a device. InvalidArgument: not.
Status check_options(const std::string& filesystem, const MountFlags& flags);

struct NewMount {
  std::string device, number, filesystem, path;
  MountFlags flags;
  int target;                // the directory at the path, by O_PATH
  std::string if_refused{};  // what explains "Invalid argument" (hotplug/filesystem_features.h); empty: nothing known
};
// Mounts exactly this device's file system on the target, an empty directory; all flags are set before it becomes visible.
Status mount_filesystem(const NewMount& desired);

}  // namespace blockplug::mount
