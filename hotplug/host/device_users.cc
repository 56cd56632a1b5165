// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/device_users.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <vector>

#include "hotplug/host/process/processes.h"
#include "hotplug/host/text_file.h"
#include "hotplug/mountinfo.h"

namespace blockplug {
namespace {
namespace fs = std::filesystem;

struct Device {
  std::string path, number;
};

// A name that others gave, for a message.
std::string shown(std::string text) {
  for (char& letter : text)
    if (static_cast<unsigned char>(letter) < 0x20 || static_cast<unsigned char>(letter) >= 0x7f) letter = '?';
  return text;
}

// Also by the source, since btrfs has numbers of its own.
std::vector<std::string> mounts_of(const Device& device, const fs::path& process) {
  std::vector<std::string> paths;
  for (const auto& mount : parse_mountinfo(text_of(process / "mountinfo")))
    if (mount.number == device.number || mount.source == device.path) paths.push_back(shown(mount.path));
  return paths;
}

bool has_open(const fs::path& process, unsigned major_number, unsigned minor_number) {
  for (const auto& fd : names_in(process / "fd")) {
    struct statx status {};  // AT_STATX_DONT_SYNC: a descriptor on a dead network mount must not block the daemon
    if (::statx(AT_FDCWD, (process / "fd" / fd).c_str(), AT_STATX_DONT_SYNC, STATX_TYPE, &status) != 0) continue;
    if (S_ISBLK(status.stx_mode) && status.stx_rdev_major == major_number && status.stx_rdev_minor == minor_number) return true;
  }
  return false;
}

void add_processes(const Device& device, std::vector<std::string>& users) {
  unsigned major_number{}, minor_number{};
  if (std::sscanf(device.number.c_str(), "%u:%u", &major_number, &minor_number) != 2) return;
  std::set<std::string> seen{namespace_link("/proc/self")};
  for (const auto& process : running_processes()) {
    if (const auto space = namespace_link(process); !space.empty() && seen.insert(space).second) {
      for (const auto& path : mounts_of(device, process))
        users.push_back("the mount on " + path + " in the mount namespace of " + title_of(process));
    }
    if (has_open(process, major_number, minor_number)) users.push_back(title_of(process));
  }
}
}  // namespace

std::string users_of(const std::string& path, const std::string& number) {
  const Device device{path, number};
  std::vector<std::string> users;
  for (const auto& place : mounts_of(device, "/proc/self")) users.push_back("the mount on " + place);
  for (const auto& holder : names_in(fs::path{"/sys/block"} / fs::path(path).filename() / "holders"))
    users.push_back("the device " + shown(holder));
  add_processes(device, users);
  if (users.empty()) return "a process that is not visible from here (it may be in another container)";
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t index = 0; index < std::min(users.size(), kShown); ++index) text += (index == 0 ? "" : " and ") + users[index];
  return users.size() > kShown ? text + " and " + std::to_string(users.size() - kShown) + " more" : text;
}

Attempt not_unmapped(const Call& call, const std::string& path, const std::string& number, Error why) {
  if (why.code != Code::FailedPrecondition) return why;
  why.message = path + " is still in use by " + users_of(path, number);
  if (call.lower_reason == LowerReason::GapBelow || why.effect == Effect::Unknown) return why;
  return Waiting{why.message, Clock::now() + std::chrono::seconds(1)};
}

}  // namespace blockplug
