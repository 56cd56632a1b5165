// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is mounted in the guest, as its kernel says (/proc/self/mountinfo, read by the agent). guest-get-fsinfo knows neither what
// is read-only nor what has no device, which may cover ours.
#include <string>
#include <string_view>
#include <vector>

#include "hotplug/guest/agent.h"

namespace blockplug {

struct GuestMountEntry {
  std::string path, root;      // where, and which directory of the file system
  std::string number, source;  // "8:16", "/dev/sdb"
  std::string filesystem;      // "ext4"
  bool is_read_only{};         // this mount
  bool is_filesystem_read_only{};
};
using GuestMounts = std::vector<GuestMountEntry>;  // the oldest first

GuestMounts parse_mountinfo(std::string_view text);
Result<GuestMounts> read_guest_mounts(Agent& agent);
// What somebody who goes to `path` meets; nullptr: nothing is mounted there.
const GuestMountEntry* topmost_at(const GuestMounts& mounts, const std::string& path);

}  // namespace blockplug
