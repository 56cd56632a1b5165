// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/mount/flags.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include "volume-plugin/printable.h"

namespace blockplug::mount {
namespace {
struct Attribute {
  std::string_view name;
  std::uint64_t set, clear;
};
constexpr std::array<Attribute, 8> kOfBinds{{{"ro", MOUNT_ATTR_RDONLY, 0},
                                             {"rw", 0, 0},  // the wish says what it is
                                             {"nodev", MOUNT_ATTR_NODEV, 0},
                                             {"nosuid", MOUNT_ATTR_NOSUID, 0},
                                             {"noexec", MOUNT_ATTR_NOEXEC, 0},
                                             {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
                                             {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
                                             {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME}}};
constexpr std::array<Attribute, 7> kOfFilesystems{{{"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
                                                   {"defaults", 0, 0},
                                                   {"dev", 0, 0},
                                                   {"suid", 0, 0},
                                                   {"exec", 0, 0},
                                                   {"atime", 0, 0},
                                                   {"diratime", 0, 0}}};
// These would make the file system use a device that nobody checked.
constexpr std::array<std::string_view, 5> kOtherDevices{"source", "logdev", "rtdev", "journal_dev", "journal_path"};

template <std::size_t count>
bool apply(const std::array<Attribute, count>& known, const std::string& flag, MountFlags& flags) {
  const auto found = std::ranges::find(known, flag, &Attribute::name);
  if (found == known.end()) return false;
  flags.clear |= found->clear;
  flags.set = (flags.set & ~found->clear) | found->set;
  return true;
}

std::vector<std::string> lines_of(const std::string& flags) {
  std::vector<std::string> lines;
  std::istringstream text{flags};
  for (std::string line; std::getline(text, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

MountFlags flags_for(Access access) { return {.set = access == Access::ReadOnly ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0}; }
}  // namespace

bool MountFlags::is_read_only() const { return (set & MOUNT_ATTR_RDONLY) != 0; }

Result<MountFlags> flags_of_filesystem(const std::string& flags, Access access) {
  auto sorted = flags_for(access);
  for (const auto& flag : lines_of(flags)) {
    if (apply(kOfBinds, flag, sorted) || apply(kOfFilesystems, flag, sorted)) continue;
    if (std::ranges::find(kOtherDevices, flag.substr(0, flag.find('='))) != kOtherDevices.end())
      return no_effect(Code::InvalidArgument,
                       "mount flag '" + printable(flag) + "' names another device, and a volume is only one: leave it out");
    sorted.options.push_back(flag);
  }
  return sorted;
}

Result<MountFlags> flags_of_bind(const std::string& flags, Access access) {
  auto sorted = flags_for(access);
  for (const auto& flag : lines_of(flags)) {
    if (apply(kOfBinds, flag, sorted)) continue;
    return no_effect(Code::InvalidArgument,
                     "mount flag '" + printable(flag) +
                         "' is none for a path: ro, rw, nodev, nosuid, noexec, noatime, "
                         "nodiratime and relatime are; others belong to the volume's one mount of its file system");
  }
  return sorted;
}

unsigned long flags_of_old_mount(std::uint64_t attributes) {
  unsigned long flags = 0;
  for (const auto& [attribute, flag] : {std::pair{MOUNT_ATTR_RDONLY, MS_RDONLY},
                                        {MOUNT_ATTR_NOSUID, MS_NOSUID},
                                        {MOUNT_ATTR_NODEV, MS_NODEV},
                                        {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
                                        {MOUNT_ATTR_NOATIME, MS_NOATIME},
                                        {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME}})
    if ((attributes & static_cast<std::uint64_t>(attribute)) != 0) flags |= static_cast<unsigned long>(flag);
  return flags;
}

std::string joined(const std::vector<std::string>& flags) {
  std::string text;
  for (const auto& flag : flags) text += flag + "\n";
  return text;
}

std::string to_argument(Access access) { return access == Access::ReadOnly ? "ro" : "rw"; }
Access access_from(const std::string& argument) { return argument == "rw" ? Access::ReadWrite : Access::ReadOnly; }
bool wants_read_only(Access access, const std::vector<std::string>& flags) {
  return access == Access::ReadOnly || std::ranges::find(flags, "ro") != flags.end();
}

}  // namespace blockplug::mount
