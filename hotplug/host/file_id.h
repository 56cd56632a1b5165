// SPDX-License-Identifier: Apache-2.0
#pragma once
// Identifies a file whatever its name: its (device, inode), which exclusivity is based on.
#include <sys/stat.h>

#include <compare>
#include <string>

#include "attach-detach/ids.h"

namespace blockplug {

struct FileId {
  dev_t device{};
  ino_t inode{};
  auto operator<=>(const FileId&) const = default;
};

inline FileId id_of(const struct stat& status) { return {status.st_dev, status.st_ino}; }

// "file:65024:1312"
inline ImageId image_of(const FileId& id) { return ImageId{"file:" + std::to_string(id.device) + ":" + std::to_string(id.inode)}; }

}  // namespace blockplug
