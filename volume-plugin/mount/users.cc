// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/mount/users.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "volume-plugin/mount/device.h"
#include "volume-plugin/printable.h"

namespace blockplug::mount {
namespace {
namespace files = std::filesystem;

std::vector<std::string> names_in(const files::path& directory) {
  std::vector<std::string> names;
  std::error_code problem;
  for (files::directory_iterator entry{directory, problem}, end; !problem && entry != end; entry.increment(problem))
    names.push_back(entry->path().filename().native());
  return names;
}

std::vector<files::path> processes() {
  std::vector<files::path> found;
  for (const auto& name : names_in("/proc"))
    if (name.find_first_not_of("0123456789") == std::string::npos) found.emplace_back("/proc/" + name);
  return found;
}

std::string title_of(const files::path& process) {
  std::string command;
  std::ifstream{process / "comm"} >> command;
  return "process " + process.filename().native() + " (" + printable(command) + ")";
}

// By the mount's id (Linux 5.8); before that by the device. AT_STATX_DONT_SYNC: a dead file system must not hang us.
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

// A copy that follows our own goes with it. One at the path of another mount of ours is a copy of that; at any other path it is a
// container's.
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
  for (const auto& process : processes())
    if (uses(process, mount)) return title_of(process);
  return std::nullopt;
}

std::optional<std::string> user_elsewhere(const Mount& mount, const std::vector<Mount>& mounts) {
  std::error_code problem;
  std::set<std::string> seen{files::read_symlink("/proc/self/ns/mnt", problem).native()};
  for (const auto& process : processes()) {
    const auto space = files::read_symlink(process / "ns/mnt", problem);
    if (problem || !seen.insert(space.native()).second) continue;
    const auto there = mounts_in(process / "mountinfo");
    if (there.ok() && std::ranges::any_of(*there, [&](const Mount& copy) { return is_used_by(copy, mount, mounts); }))
      return title_of(process) + ", in a mount namespace of its own";
  }
  return std::nullopt;
}

}  // namespace blockplug::mount
