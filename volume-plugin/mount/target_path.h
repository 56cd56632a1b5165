// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where on the host a volume may appear. Only looks; the directory is made by Publish. Free functions, any thread.
#include <cstdint>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::mount {

enum class Shape : std::uint8_t { Directory, BlockDevice };

// Of the text alone. InvalidArgument: not absolute, has "..", "." or "//", ends with a slash, holds a NUL, a newline or another
// control character, is longer than 4,000 bytes, is "/", or lies in /proc, /sys or /dev.
Status check_path(const std::string& path);

// Of what is there now; missing is fine. FailedPrecondition says what is in the way: a symbolic link, a file (for Directory), a
// directory (for BlockDevice), something that is not empty, a mount. NotFound: for BlockDevice, there is no directory to make it in.
Status check_target(const std::string& path, Shape shape);

}  // namespace blockplug::mount
