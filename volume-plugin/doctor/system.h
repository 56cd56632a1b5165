// SPDX-License-Identifier: Apache-2.0
#pragma once
// Questions about this machine that several checks put. `root` is the subject's: what stands before the path.
#include <string>
#include <vector>

#include "hotplug/text_file.h"

namespace blockplug::doctor {

bool exists(const std::string& path);

// Could the running kernel load it? As modprobe looks: in modules.dep of its release.
bool has_module(const std::string& root, const std::string& name);

bool may_be_run(const std::string& program);

// The directory itself, or the lowest one above it that is there: where mkdir would begin.
std::string lowest_existing(const std::string& directory);

std::string joined(const std::vector<std::string>& words, const std::string& between = ", ");

// "" of 1, "s" of any other number.
inline const char* plural(std::size_t number) { return number == 1 ? "" : "s"; }

inline constexpr const char* kBootAKernelThatHasIt = "boot a kernel that has it: apt install linux-image-amd64, then reboot";

}  // namespace blockplug::doctor
