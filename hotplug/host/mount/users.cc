// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/users.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "hotplug/host/mount/device.h"
#include "hotplug/host/process/processes.h"

namespace blockplug::mount {
namespace {
namespace files = std::filesystem;

// By the mount's id (Linux 5.8); before that by the device. AT_STATX_DONT_SYNC: a dead file system must not block the daemon.
bool is_on(const files::path& link, const Mount& mount) {
  struct statx status {};
  if (::statx(AT_FDCWD, link.c_str(), AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID, &status) != 0) return false;
  if ((status.stx_mask & STATX_MNT_ID) != 0) return status.stx_mnt_id == static_cast<std::uint64_t>(mount.id);
  return number_text(status.stx_dev_major, status.stx_dev_minor) == mount.number;
}

bool uses(const files::path& process, const Mount& mount) {
  for (const char* link : {"cwd", "root", "exe"})
    if (is_on(process / link, mount)) return true;
  for (const char* directory : {"fd", "map_files"})
    for (const auto& name : names_in(process / directory))
      if (is_on(process / directory / name, mount)) return true;
  return false;
}

// A copy that is a slave of our mount goes with it. A copy at the path of another mount of ours belongs to that one; at any other
// path it belongs to a container.
bool is_used_by(const Mount& copy, const Mount& ours, const std::vector<Mount>& mounts) {
  if (copy.number != ours.number || copy.root != ours.root) return false;
  if (copy.path == ours.path) return ours.peers == 0 || (copy.peers != ours.peers && copy.master != ours.peers);
  return std::ranges::none_of(mounts, [&](const Mount& other) {
    return other.path == copy.path && other.number == ours.number && other.root == ours.root;
  });
}
}  // namespace

std::optional<std::string> user_of(const Mount& mount, const std::vector<Mount>& mounts) {
  for (const auto& above : mounts)
    if (above.parent == mount.id) return "the mount of " + above.source + " on " + above.path;
  for (const auto& process : running_processes())
    if (uses(process, mount)) return title_of(process);
  return std::nullopt;
}

std::optional<std::string> user_elsewhere(const Mount& mount, const std::vector<Mount>& mounts) {
  std::set<std::string> seen{namespace_link("/proc/self")};
  for (const auto& process : running_processes()) {
    const auto space = namespace_link(process);
    if (space.empty() || !seen.insert(space).second) continue;
    const auto there = mounts_in(process / "mountinfo");
    if (there.ok() && std::ranges::any_of(*there, [&](const Mount& copy) { return is_used_by(copy, mount, mounts); }))
      return title_of(process) + ", in another mount namespace";
  }
  return std::nullopt;
}

}  // namespace blockplug::mount
