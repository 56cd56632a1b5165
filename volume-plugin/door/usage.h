// SPDX-License-Identifier: Apache-2.0
#pragma once
// How full a volume is, at one of its paths, and how it is doing. Contacts no backend.
#include <optional>
#include <string>

#include "volume-plugin/door/call.h"
#include "volume-plugin/door/targets.h"

namespace blockplug {

struct VolumeUsage {
  mount::Usage usage;  // where it could not be read: only total_bytes, as the volume's size
  bool is_abnormal{};
  std::string condition;  // for people
};

// The condition of what is attached: "attached", or what is wrong.
struct Condition {
  bool is_abnormal{};
  std::string text;
};
Condition condition_of(const AttachmentReport& report);

class UsageDoor {
 public:
  using UsageAnswer = std::function<void(Result<VolumeUsage>)>;
  UsageDoor(const Calls& calls, Targets& targets) : calls_(calls), targets_(targets) {}
  // `path`: a path of the attachment at the host, or where it is staged. NotFound: the volume is not there. A file system that does
  // not answer in time is abnormal, and not an error.
  DoorCallPtr usage(const std::string& volume, const std::string& path, Time deadline, UsageAnswer answer);

 private:
  const Calls& calls_;
  Targets& targets_;
};

}  // namespace blockplug
