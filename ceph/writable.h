// SPDX-License-Identifier: Apache-2.0
#pragma once
// Images to which the cluster takes no writes, from whomever. A write to a full pool is not refused: it waits in its client (here
// QEMU, the storage daemon or the kernel) until the pool has space again, and what waits for it hangs.
#include <string>

#include "attach-detach/outcome.h"

namespace librbd {
class Image;
}

namespace blockplug::rbd {

struct Header;
struct Pool;

// Empty: there is space in the image's pool and its data pool. Else which is full, and what to do. As the monitors said at most 10
// s ago; where they do not answer, as they said last.
std::string why_full(Pool& pool, const Header& header);

// ResourceExhausted: the pool, or the data pool of new images ("": the same), is full. Before a change of an image that its writer
// makes for us, who would wait for space.
Status check_space(Pool& pool, const std::string& data_pool);

inline constexpr const char* kNotPrimary = "the image is mirrored and not primary here";
bool is_mirrored_copy(librbd::Image& image);
// By its header, which tells it of images that are mirrored by snapshots, not of those mirrored by a journal.
bool is_mirrored_copy(const Header& header);
// Of both kinds: opens an image that has a journal.
Result<bool> is_mirrored_copy(Pool& pool, const Header& header);

}  // namespace blockplug::rbd
