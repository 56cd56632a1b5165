// SPDX-License-Identifier: Apache-2.0
#pragma once
// Valid host paths for a volume, and the directories that are created for it. Free functions, any thread.
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"
#include "hotplug/host/file_descriptor.h"

namespace blockplug::mount {

enum class Shape : std::uint8_t { Directory, BlockDevice };
// May others pass the directories that are created on the way to a target?
enum class Parents : std::uint8_t { Open, Private };

// Checks the text only. InvalidArgument: not absolute, contains "..", "." or "//", ends with a slash, contains a NUL, a newline or
// another control character, is longer than 4,000 bytes, is "/", or is in /proc, /sys or /dev.
Status check_path(const std::string& path);

// The path with its parent resolved, as in the mount table. The last component stays as it is. InvalidArgument: it leads into
// /proc, /sys or /dev.
Result<std::string> resolve(const std::string& path);

// Checks what exists at the path; it may be missing. FailedPrecondition: a symbolic link, a file (for Directory), a directory (for
// BlockDevice), something that is not empty, a mount, or a part of the path that is a link (see Place). NotFound: for BlockDevice,
// its directory does not exist.
Status check_target(const std::string& path, Shape shape);

// Creates the missing directories down to the path; the last one, or the file for a BlockDevice, has mode 0: if the mount is
// missing one day, only root can write below it. All are marked as ours. On failure, what was created is removed. No link is
// followed. Returns the target itself, by O_PATH: mount there, and not by its path.
Result<FileDescriptor> make_target(const std::string& path, Shape shape, Parents parents = Parents::Open);
// Was it created by make_target, in this or an earlier run? Do not call it for a path with a mount.
bool is_made_by_us(const std::string& path);
// Removes the path and then its parents, as long as they are ours and empty. Others stay, without an error, as does all that a link
// leads to.
void remove_target(const std::string& path);

}  // namespace blockplug::mount
