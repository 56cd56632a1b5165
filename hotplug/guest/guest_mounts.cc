// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_mounts.h"

#include <algorithm>

namespace blockplug {
namespace {
constexpr std::size_t kMostBytes = 8U << 20U;

}  // namespace

Result<GuestMounts> read_guest_mounts(Agent& agent) {
  const auto text = TRY(agent.read_file("/proc/self/mountinfo", 0, kMostBytes));
  if (text.empty() || text.size() == kMostBytes)
    return no_effect(Code::Unavailable, "the guest's mount table is incomplete (/proc/self/mountinfo)");
  return parse_mountinfo(text);
}

const MountEntry* topmost_at(const GuestMounts& mounts, const std::string& path) {
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(), [&](const auto& mount) { return mount.path == path; });
  return found == mounts.rend() ? nullptr : &*found;
}

}  // namespace blockplug
