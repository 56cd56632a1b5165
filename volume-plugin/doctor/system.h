// SPDX-License-Identifier: Apache-2.0
#pragma once
// Questions about this machine that several checks need. `root` is the subject's prefix of all paths.
#include <string>
#include <vector>

#include "attach-detach/joined.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/text_file.h"

namespace blockplug::doctor {

bool exists(const std::string& path);

// Can the running kernel load the module? Looks in modules.dep of its release, as modprobe does.
bool has_module(const std::string& root, const std::string& name);

bool may_be_run(const std::string& program);

// The directory, or its lowest existing parent: where mkdir would begin.
std::string lowest_existing(const std::string& directory);

// An unnamed file where the file system supports it, else a named one that is removed at once. Not open: errno says why.
FileDescriptor new_file_in(const std::string& directory);

// "" for 1, "s" for any other number.
inline const char* plural(std::size_t number) { return number == 1 ? "" : "s"; }

inline constexpr const char* kBootAKernelThatHasIt = "boot a kernel that has it: apt install linux-image-amd64, then reboot";

}  // namespace blockplug::doctor
