// SPDX-License-Identifier: Apache-2.0
#include "hotplug/mountinfo.h"

#include <libmount/libmount.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "attach-detach/check.h"
#include "attach-detach/leaf_paths.h"
#include "attach-detach/printable.h"

namespace blockplug {
namespace {
struct Freer {
  void operator()(libmnt_table* table) const { mnt_unref_table(table); }
  void operator()(libmnt_iter* iterator) const { mnt_free_iter(iterator); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};

constexpr std::size_t kLinesAtOnce = 1000;

// libmount guesses from the first line what kind of table it reads.
constexpr std::string_view kFirstLine = "1 1 0:0 / / rw - none none rw\n";

// libmount looks up on this host which device a source "/dev/root" is. The text may be a guest's, so it is written otherwise.
constexpr std::string_view kRootDevice = " /dev/root ", kRootDeviceUnasked = " /dev//root ";

std::string_view without_spaces(std::string_view text) { return text.substr(1, text.size() - 2); }

std::string unasked(std::string_view lines) {
  std::string text{kFirstLine};
  for (std::size_t at = 0; at < lines.size();) {
    const auto found = lines.find(kRootDevice, at);
    text += lines.substr(at, found == std::string_view::npos ? found : found - at);
    if (found == std::string_view::npos) break;
    text += kRootDeviceUnasked.substr(0, kRootDeviceUnasked.size() - 1);
    at = found + kRootDevice.size() - 1;  // its last space may be the first of the next
  }
  return text;
}

std::string text_of(const char* value) {
  if (value == nullptr) return {};
  return value == without_spaces(kRootDeviceUnasked) ? std::string{without_spaces(kRootDevice)} : value;
}

bool has_ro(const char* options) { return options != nullptr && mnt_optstr_get_option(options, "ro", nullptr, nullptr) == 0; }

// "shared:3 master:1"
int group_in(const char* fields, const std::string& name) {
  const auto all = " " + text_of(fields);
  const auto found = all.find(" " + name + ":");
  return found == std::string::npos ? 0 : std::atoi(all.c_str() + found + name.size() + 2);
}

MountEntry entry_of(libmnt_fs* fs) {
  const auto device = mnt_fs_get_devno(fs);
  const auto* fields = mnt_fs_get_optional_fields(fs);
  return {.path = text_of(mnt_fs_get_target(fs)),
          .root = text_of(mnt_fs_get_root(fs)),
          .number = std::to_string(major(device)) + ":" + std::to_string(minor(device)),
          .filesystem = text_of(mnt_fs_get_fstype(fs)),
          .source = text_of(mnt_fs_get_source(fs)),
          .is_bound_read_only = has_ro(mnt_fs_get_vfs_options(fs)),
          .is_filesystem_read_only = has_ro(mnt_fs_get_fs_options(fs)),
          .id = mnt_fs_get_id(fs),
          .parent = mnt_fs_get_parent_id(fs),
          .peers = group_in(fields, "shared"),
          .master = group_in(fields, "master")};
}

void add_entries(std::string_view lines, std::vector<MountEntry>& entries) {
  auto text = unasked(lines);
  const std::unique_ptr<std::FILE, Freer> stream{::fmemopen(text.data(), text.size(), "r")};
  const std::unique_ptr<libmnt_table, Freer> table{mnt_new_table()};
  const std::unique_ptr<libmnt_iter, Freer> iterator{mnt_new_iter(MNT_ITER_FORWARD)};
  CHECK(stream && table && iterator);  // no memory
  CHECK(mnt_table_parse_stream(table.get(), stream.get(), "mountinfo") == 0);
  libmnt_fs* fs = nullptr;
  CHECK(mnt_table_next_fs(table.get(), iterator.get(), &fs) == 0);  // our own first line
  while (mnt_table_next_fs(table.get(), iterator.get(), &fs) == 0) {
    auto entry = entry_of(fs);
    if (!entry.path.empty()) entries.push_back(std::move(entry));  // libmount reads "\000" as the end of the text
  }
}
}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  while (!text.empty()) {
    std::size_t end = 0;
    for (std::size_t lines = 0; lines < kLinesAtOnce && end < text.size(); ++lines)
      end = std::min(text.find('\n', end), text.size() - 1) + 1;
    add_entries(text.substr(0, end), entries);
    text.remove_prefix(end);
  }
  return entries;
}

const MountEntry* hider_of(const std::vector<MountEntry>& mounts, const MountEntry& mount) {
  const MountEntry* inner = nullptr;  // the way from the mount up to the root
  const auto* entry = &mount;
  for (std::size_t depth = 0; depth < mounts.size(); ++depth) {
    for (const auto& other : mounts) {
      if (other.id == entry->id || other.id == entry->parent || (inner != nullptr && other.id == inner->id)) continue;
      const bool is_on_top = other.parent == entry->id && other.path == entry->path;
      const bool is_above = other.parent == entry->parent && is_inside(entry->path, other.path == "/" ? "" : other.path);
      if (is_on_top || is_above) return &other;
    }
    const auto parent = std::ranges::find(mounts, entry->parent, &MountEntry::id);
    if (parent == mounts.end() || &*parent == entry) return nullptr;
    inner = std::exchange(entry, &*parent);
  }
  return nullptr;
}

std::string hidden_text(const MountEntry& hider) {
  return "hidden by " + printable(hider.source) + " (" + printable(hider.filesystem) + ") at " + hider.path + ": unmount that";
}

}  // namespace blockplug
