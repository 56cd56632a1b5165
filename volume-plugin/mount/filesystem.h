// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is done to a file system with its own programs and by the kernel: check, grow, mount. Inside the helper only: all of it
// may block for as long as the device does. Free functions.
#include <cstdint>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "hotplug/helper/program.h"
#include "volume-plugin/mount/flags.h"

namespace blockplug::mount {

// FailedPrecondition where there is no such program, saying which package has it.
Result<Ran> run_tool(const std::vector<std::string>& command);

bool is_sound_ext4(const std::string& device);  // by e2fsck -fn
Status repair_ext4(const std::string& device);  // by e2fsck -p: what is safe to mend without a person
Status grow_unmounted_ext4(const std::string& device);
// To the whole of the device. FailedPrecondition: this kernel, or what we may do, does not let it.
Status grow_mounted(const std::string& filesystem, const std::string& device, const std::string& path);

// InvalidArgument: a volume of this size is too small for it.
Status check_size_for(const std::string& filesystem, std::int64_t size_bytes);

struct NewMount {
  std::string device, number, filesystem, path;
  MountFlags flags;
};
// Exactly this device's file system appears at the path, an empty directory; its flags are set before it does.
Status mount_filesystem(const NewMount& wished);

}  // namespace blockplug::mount
