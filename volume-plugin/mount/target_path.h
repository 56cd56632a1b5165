// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where on the host a volume may appear, and the directories that are made for it. Free functions, any thread.
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::mount {

enum class Shape : std::uint8_t { Directory, BlockDevice };

// Of the text alone. InvalidArgument: not absolute, has "..", "." or "//", ends with a slash, holds a NUL, a newline or another
// control character, is longer than 4,000 bytes, is "/", or lies in /proc, /sys or /dev.
Status check_path(const std::string& path);

// The same place without symbolic links in its parent: what the mount table calls it. The last component is taken as it is.
// InvalidArgument where it leads into /proc, /sys or /dev.
Result<std::string> resolve(const std::string& path);

// Of what is there now; missing is fine. FailedPrecondition says what is in the way: a symbolic link, a file (for Directory), a
// directory (for BlockDevice), something that is not empty, a mount. NotFound: for BlockDevice, there is no directory to make it
// in.
Status check_target(const std::string& path, Shape shape);

// Directories from the first missing one to the path; the last one, or the file for a BlockDevice, with mode 0: where the mount is
// missing one day, nobody but root writes below. Each that is made is marked as ours. Made in part: that is taken away again.
Status make_target(const std::string& path, Shape shape);
// Was it made by make_target, of this or any earlier life? Not to be asked of something that is mounted.
bool is_made_by_us(const std::string& path);
// The path and then its parents, as long as they are ours and empty. What is not stays, and is no error.
void remove_target(const std::string& path);

}  // namespace blockplug::mount
