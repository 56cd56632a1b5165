// SPDX-License-Identifier: Apache-2.0
#pragma once
// A configured source of volumes, as the callers' surfaces see it. Orders (create, resize, delete) go through Acts, so that they
// are journalled; this is what is only read.
#include <string>
#include <vector>

#include "attach-detach/ids.h"
#include "attach-detach/order.h"
#include "attach-detach/outcome.h"

namespace blockplug {

struct VolumeInfo {
  VolumeId id;
  std::int64_t size_bytes{};
  ImageId image;
  WallClock::time_point created{};
  Facts details;  // for people: "path"
};

// Thread-safe; calls may block for as long as the backend's storage does, so never on the core thread.
class Backend : public Acts {
 public:
  virtual Result<VolumeInfo> find(const VolumeId& volume) = 0;  // NotFound
  virtual Result<std::vector<VolumeInfo>> list() = 0;
  // Is this a name that a volume of this backend may have? InvalidArgument says what is wrong and what is allowed.
  virtual Status check_name(const std::string& name) const = 0;
};

}  // namespace blockplug
