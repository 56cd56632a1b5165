// SPDX-License-Identifier: Apache-2.0
#pragma once
// How many reads and writes the kernel has in flight on a FUSE mount. QEMU's FUSE export (before 10.1) handles the next request
// while one is waiting, in the same buffer: two writes at a time, and the first one's data is overwritten by the second one's
// before it reaches the image. So there must be one at a time; direct I/O of a loop device would send many.
//
// By fusectl (Documentation/filesystems/fuse.rst), which does not access the mount itself. Free functions, any thread.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::fuse {

// `number`: of the mount, as in mountinfo: "0:53". Error: this kernel, or missing capabilities, prevent it.
Status allow_one_at_a_time(const std::string& number);
Result<bool> is_one_at_a_time(const std::string& number);

}  // namespace blockplug::fuse
