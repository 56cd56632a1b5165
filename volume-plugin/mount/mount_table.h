// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is mounted, as the kernel says it (/proc/self/mountinfo, read with libmount). Never asks the mounted file systems themselves:
// a dead one would not answer. Free functions, any thread.
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug::mount {

struct Mount {
  std::string path;        // where
  std::string root;        // which part of the file system: "/", or "/loop3" for a bound device node
  std::string number;      // of the device: "7:3"; for a bound node that of the devtmpfs
  std::string filesystem;  // "ext4"
  std::string source;      // "/dev/loop3"
  bool is_read_only{};     // this mount, or the file system
  int id{};
};

Result<std::vector<Mount>> all_mounts();
// The topmost at exactly this path (already resolved: no symbolic links). nullopt: nothing is mounted there.
std::optional<Mount> find_at(const std::vector<Mount>& mounts, const std::string& path);

}  // namespace blockplug::mount
