// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is mounted, as the kernel says it (/proc/self/mountinfo, read with libmount). Never asks the mounted file systems
// themselves: a dead one would not answer. Free functions, any thread.
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug::mount {

struct Mount {
  std::string path;           // where
  std::string root;           // which part of the file system: "/", or "/loop3" for a bound device node
  std::string number;         // of the device: "7:3"; for a bound node that of the devtmpfs
  std::string filesystem;     // "ext4"
  std::string source;         // "/dev/loop3"
  bool is_read_only{};        // this mount, or the file system
  bool is_bound_read_only{};  // this mount, whatever the file system is
  int id{};
  int parent{};
  int peers{};   // its peer group, where it is shared; 0: it is not
  int master{};  // the peer group that it follows; 0: none
};

Result<std::vector<Mount>> all_mounts();
// Of another mount namespace: `file` is "/proc/<pid>/mountinfo".
Result<std::vector<Mount>> mounts_in(const std::string& file);
// The topmost at exactly this path (already resolved: no symbolic links). nullopt: nothing is mounted there.
std::optional<Mount> find_at(const std::vector<Mount>& mounts, const std::string& path);

// Is it the whole file system of the block device of this number?
bool is_filesystem_of(const Mount& mount, const std::string& number);
// Is it the device node itself, bound? `device` is "/dev/loop3".
bool is_node_of(const Mount& mount, const std::string& device);

}  // namespace blockplug::mount
