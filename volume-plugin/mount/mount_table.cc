// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/mount/mount_table.h"

#include <libmount/libmount.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>

namespace blockplug::mount {
namespace {
struct Freer {
  void operator()(libmnt_table* table) const { mnt_unref_table(table); }
  void operator()(libmnt_iter* iterator) const { mnt_free_iter(iterator); }
};

std::string text(const char* value) { return value == nullptr ? "" : value; }

bool has_option(const char* options, const char* name) {
  return options != nullptr && mnt_optstr_get_option(options, name, nullptr, nullptr) == 0;
}

// "shared:3 master:1", proc_pid_mountinfo(5)
int group_in(const char* fields, const std::string& name) {
  const auto all = " " + text(fields);
  const auto found = all.find(" " + name + ":");
  return found == std::string::npos ? 0 : std::atoi(all.c_str() + found + name.size() + 2);
}

Mount mount_of(libmnt_fs* fs) {
  const auto device = mnt_fs_get_devno(fs);
  const auto* fields = mnt_fs_get_optional_fields(fs);
  const bool is_bound_read_only = has_option(mnt_fs_get_vfs_options(fs), "ro");
  return {.path = text(mnt_fs_get_target(fs)),
          .root = text(mnt_fs_get_root(fs)),
          .number = std::to_string(major(device)) + ":" + std::to_string(minor(device)),
          .filesystem = text(mnt_fs_get_fstype(fs)),
          .source = text(mnt_fs_get_source(fs)),
          .is_read_only = is_bound_read_only || has_option(mnt_fs_get_fs_options(fs), "ro"),
          .is_bound_read_only = is_bound_read_only,
          .id = mnt_fs_get_id(fs),
          .parent = mnt_fs_get_parent_id(fs),
          .peers = group_in(fields, "shared"),
          .master = group_in(fields, "master")};
}
}  // namespace

Result<std::vector<Mount>> all_mounts() { return mounts_in("/proc/self/mountinfo"); }

Result<std::vector<Mount>> mounts_in(const std::string& file) {
  const std::unique_ptr<libmnt_table, Freer> table{mnt_new_table()};
  const std::unique_ptr<libmnt_iter, Freer> iterator{mnt_new_iter(MNT_ITER_FORWARD)};
  if (!table || !iterator) return no_effect(Code::ResourceExhausted, "no memory to read the mount table");
  errno = 0;
  if (mnt_table_parse_file(table.get(), file.c_str()) != 0)
    return no_effect(Code::Unavailable, "cannot read the mount table " + file + ": " + std::generic_category().message(errno));
  std::vector<Mount> mounts;
  libmnt_fs* fs = nullptr;
  while (mnt_table_next_fs(table.get(), iterator.get(), &fs) == 0) mounts.push_back(mount_of(fs));
  return mounts;
}

std::optional<Mount> find_at(const std::vector<Mount>& mounts, const std::string& path) {
  const auto is_covered = [&](const Mount& lower) {
    return std::ranges::any_of(mounts, [&](const Mount& upper) { return upper.path == path && upper.parent == lower.id; });
  };
  // The newest: an older one may lie hidden below a mount of a directory above it.
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
  return mount.root == root || mount.root == root + "//deleted";  // its node has gone, and perhaps come again
}

}  // namespace blockplug::mount
