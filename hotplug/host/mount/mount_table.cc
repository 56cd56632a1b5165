// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/mount_table.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "hotplug/host/text_file.h"

namespace blockplug::mount {

Result<std::vector<Mount>> all_mounts() { return mounts_in("/proc/self/mountinfo"); }

Result<std::vector<Mount>> mounts_in(const std::string& file) {
  std::string text;
  errno = 0;
  if (!read_text(file, text))
    return no_effect(Code::Unavailable, "cannot read the mount table " + file + ": " + std::generic_category().message(errno));
  return parse_mountinfo(text);
}

std::optional<Mount> find_at(const std::vector<Mount>& mounts, const std::string& path) {
  const auto is_covered = [&](const Mount& lower) {
    return std::ranges::any_of(mounts, [&](const Mount& upper) { return upper.path == path && upper.parent == lower.id; });
  };
  // The newest: an older one may be hidden below a mount on a parent directory.
  for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount)
    if (mount->path == path && !is_covered(*mount)) return *mount;
  return std::nullopt;
}

bool is_filesystem_of(const Mount& mount, const std::string& number) {
  return !number.empty() && mount.number == number && mount.root == "/";
}

bool is_node_of(const Mount& mount, const std::string& device) {
  if (!device.starts_with("/dev/") || mount.filesystem != "devtmpfs") return false;
  const auto root = device.substr(4);
  return mount.root == root || mount.root == root + "//deleted";  // its node was removed, and maybe recreated
}

}  // namespace blockplug::mount
