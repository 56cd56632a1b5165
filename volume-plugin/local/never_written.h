// SPDX-License-Identifier: Apache-2.0
#pragma once
// Was this file ever written? A free function on a descriptor; any thread; moves its offset.
#include <unistd.h>

#include <cerrno>

namespace blockplug::local {

// True only if the file system reports no extent. A file system that does not support this reports everything as data (lseek(2)).
inline bool is_never_written(int fd, off_t size_bytes) { return size_bytes > 0 && ::lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO; }

}  // namespace blockplug::local
