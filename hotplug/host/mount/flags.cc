// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/flags.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string_view>

#include "attach-detach/printable.h"

namespace blockplug::mount {
namespace {
struct Attribute {
  std::string_view name;
  std::uint64_t set, clear;
};
constexpr std::array<Attribute, 14> kOfPaths{{{"ro", MOUNT_ATTR_RDONLY, 0},
                                              {"rw", 0, 0},  // decided by the requested access
                                              {"nodev", MOUNT_ATTR_NODEV, 0},
                                              {"nosuid", MOUNT_ATTR_NOSUID, 0},
                                              {"noexec", MOUNT_ATTR_NOEXEC, 0},
                                              {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
                                              {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
                                              {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
                                              {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
                                              {"dev", 0, MOUNT_ATTR_NODEV},
                                              {"suid", 0, MOUNT_ATTR_NOSUID},
                                              {"exec", 0, MOUNT_ATTR_NOEXEC},
                                              {"atime", 0, MOUNT_ATTR__ATIME},
                                              {"diratime", 0, MOUNT_ATTR_NODIRATIME}}};
// These would make the file system use an unchecked device.
constexpr std::array<std::string_view, 5> kOtherDevices{"source", "logdev", "rtdev", "journal_dev", "journal_path"};

constexpr std::array<std::string_view, 18> kOfMountProgram{"defaults", "auto",    "noauto",  "_netdev", "nofail",  "user",
                                                           "nouser",   "users",   "nousers", "owner",   "noowner", "group",
                                                           "nogroup",  "comment", "helper",  "uhelper", "silent",  "loud"};

bool is_of_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_=.:+-").find(c) != std::string_view::npos;
}

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

bool is_well_formed(std::string_view flag) {
  constexpr std::size_t kLongest = 256;
  if (flag.empty() || flag.size() > kLongest) return false;
  const auto quote = flag.find("=\"");
  if (quote == std::string_view::npos) return std::ranges::all_of(flag, is_of_word);
  const auto name = flag.substr(0, quote);
  auto value = flag.substr(quote + 2);
  if (name.empty() || value.empty() || value.back() != '"') return false;
  value.remove_suffix(1);
  return std::ranges::all_of(name, is_of_word) && std::ranges::all_of(value, [](char c) { return is_of_word(c) || c == ','; });
}

bool is_of_mount_program(const std::string& flag) {
  const auto name = std::string_view(flag).substr(0, flag.find('='));
  return name.starts_with("x-") || name.starts_with("X-") || std::ranges::find(kOfMountProgram, name) != kOfMountProgram.end();
}

bool is_of_path(const std::string& flag) { return std::ranges::find(kOfPaths, flag, &Attribute::name) != kOfPaths.end(); }

std::string unquoted(const std::string& value) {
  const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return is_quoted ? value.substr(1, value.size() - 2) : value;
}

bool MountFlags::is_read_only() const { return (set & MOUNT_ATTR_RDONLY) != 0; }

Result<MountFlags> flags_of_filesystem(const std::string& flags, Access access) {
  auto sorted = flags_for(access);
  for (const auto& flag : lines_of(flags)) {
    if (is_of_mount_program(flag) || apply(kOfPaths, flag, sorted)) continue;
    if (std::ranges::find(kOtherDevices, flag.substr(0, flag.find('='))) != kOtherDevices.end())
      return no_effect(Code::InvalidArgument,
                       "mount flag '" + printable(flag) + "' names another device, which is not supported: leave it out");
    sorted.options.push_back(flag);
  }
  return sorted;
}

Result<MountFlags> flags_of_bind(const std::string& flags, Access access) {
  auto sorted = flags_for(access);
  for (const auto& flag : lines_of(flags)) {
    if (is_of_mount_program(flag) || apply(kOfPaths, flag, sorted)) continue;
    return no_effect(Code::InvalidArgument,
                     "mount flag '" + printable(flag) +
                         "' cannot be set per path: use ro, rw, nodev, nosuid, noexec, noatime, "
                         "nodiratime or relatime; other flags apply to the whole file system, which is mounted once");
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

bool needs_nouuid(const std::string& filesystem, const std::vector<std::string>& flags) {
  return filesystem == "xfs" && std::ranges::find(flags, "nouuid") == flags.end();
}

bool leaves_journal(const std::vector<std::string>& flags) {
  return std::ranges::any_of(flags, [](const auto& flag) { return flag == "noload" || flag == "norecovery"; });
}

std::string way_without_replay(const std::string& filesystem) {
  return "attach it read-write once, or see it as it is with --mount-flags " +
         std::string(filesystem == "xfs" ? "norecovery" : "noload");
}

}  // namespace blockplug::mount
