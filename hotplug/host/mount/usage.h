// SPDX-License-Identifier: Apache-2.0
#pragma once
// How full a mounted volume is. Asking a file system may block indefinitely, so a helper does it; one that was left behind delays
// neither the volume's steps nor those of others, only the next such question. Free functions, any thread.
#include <cstdint>
#include <string>

#include "hotplug/host/helper/helper.h"

namespace blockplug::mount {

// Of a raw block device only total_bytes.
struct Usage {
  std::int64_t total_bytes{}, used_bytes{}, available_bytes{};
  std::int64_t total_inodes{}, used_inodes{}, available_inodes{};
  bool has_filesystem{};
};

// `number`: of the volume's device; what is at the path must be of it. Blocks until about `deadline`. NotFound: it is not;
// Unavailable, DeadlineExceeded: the file system does not answer.
Result<Usage> usage_of(Helper& helper, const VolumeId& volume, const std::string& path, const std::string& number, Time deadline);

}  // namespace blockplug::mount
