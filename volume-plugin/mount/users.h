// SPDX-License-Identifier: Apache-2.0
#pragma once
// Who keeps a mount busy. Only looks; a search through /proc costs milliseconds, so it is made only where there is something to
// explain, or to spare. Never asks the mounted file system itself. Free functions, any thread.
#include <optional>
#include <string>
#include <vector>

#include "volume-plugin/mount/mount_table.h"

namespace blockplug::mount {

// A process with a file, a directory or a mapping in it, or a mount below it: "process 4711 (tail)". nullopt: nobody to be seen.
std::optional<std::string> user_of(const Mount& mount, const std::vector<Mount>& mounts);

// The same file system (or device node) in another mount namespace, where it would not go with ours: "process 4711 (tail), in a
// mount namespace of its own".
std::optional<std::string> user_elsewhere(const Mount& mount, const std::vector<Mount>& mounts);

}  // namespace blockplug::mount
