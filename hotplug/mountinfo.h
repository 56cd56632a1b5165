// SPDX-License-Identifier: Apache-2.0
#pragma once
// The text of /proc/<pid>/mountinfo as values, of this host or of a guest (proc_pid_mountinfo(5)). Parsed by libmount, and by the
// text alone: nothing of this host is asked. A pure function, any thread; blockplug-helper links it, too.
#include <string>
#include <string_view>
#include <vector>

namespace blockplug {

struct MountEntry {
  std::string path;                // where; ends with " (deleted)" where the kernel says that
  std::string root;                // which part of the file system: "/", or "/loop3" for a bound device node
  std::string number;              // of the device: "7:3"; for a bound node that of the devtmpfs
  std::string filesystem;          // "ext4"
  std::string source;              // "/dev/loop3"
  bool is_bound_read_only{};       // this mount, whatever the file system is
  bool is_filesystem_read_only{};  // the file system, however it is mounted
  int id{};
  int parent{};
  int peers{};   // its peer group if it is shared; 0: not shared
  int master{};  // its master's peer group; 0: none

  bool is_read_only() const { return is_bound_read_only || is_filesystem_read_only; }
  bool operator==(const MountEntry&) const = default;
};

// In the order of the text, the oldest first. Lines that are no entry are left out. However large the text is (a guest wrote it),
// no more memory is used beside the entries than a thousand lines take.
std::vector<MountEntry> parse_mountinfo(std::string_view text);

// Which other mount hides this one from its own path: one on top of it, or on a directory above it that is not its parent mount's.
// nullptr: none does.
const MountEntry* hider_of(const std::vector<MountEntry>& mounts, const MountEntry& mount);
// "hidden by tmpfs (tmpfs) at /srv: unmount that"
std::string hidden_text(const MountEntry& hider);

}  // namespace blockplug
