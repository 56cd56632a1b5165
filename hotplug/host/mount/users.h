// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who keeps a mount busy. Read-only; the search through /proc takes milliseconds, so it is made only to explain a conflict or to
// avoid harm. Never accesses the mounted file system. Free functions, any thread.
#include <optional>
#include <string>
#include <vector>

#include "hotplug/host/mount/mount_table.h"

namespace blockplug::mount {

// A process with a file, a directory or a mapping in it, or a mount below it: "process 4711 (tail)". nullopt: none visible.
std::optional<std::string> user_of(const Mount& mount, const std::vector<Mount>& mounts);

// A mount of the same file system (or device node) in another mount namespace that would not go with ours: "process 4711 (tail), in
// another mount namespace".
std::optional<std::string> user_elsewhere(const Mount& mount, const std::vector<Mount>& mounts);

}  // namespace blockplug::mount
