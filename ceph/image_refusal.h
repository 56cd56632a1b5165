// SPDX-License-Identifier: Apache-2.0
#pragma once
// Why an image refuses a change, where librbd's error number alone does not tell. Free function, on the caller's thread.
#include <string>

#include "attach-detach/outcome.h"

namespace librbd {
class Image;
}

namespace blockplug::rbd {
struct Pool;

// For the answer of a call that changes this open image; `what` completes "cannot …". A mirrored image that is not primary and a
// limit of snapshots refuse before anything is changed: FailedPrecondition, effect None, so the order ends. A client that keeps the
// exclusive lock may let go of it: Unavailable, None. All other answers: Connection::error with effect Unknown.
Error image_refusal(Pool& pool, librbd::Image& image, int answer, const std::string& what);

}  // namespace blockplug::rbd
