// SPDX-License-Identifier: Apache-2.0
#include "hotplug/loop/loop_map_users.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

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

std::string link_of(const fs::path& path) {
  std::error_code problem;
  return fs::read_symlink(path, problem).native();
}

// The names in a directory of /proc or /sys; none where it is gone or not for us to see.
std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code problem;
  for (fs::directory_iterator entry{directory, problem}, end; !problem && entry != end; entry.increment(problem))
    names.push_back(entry->path().filename().native());
  return names;
}

bool is_number(const std::string& name) { return name.find_first_not_of("0123456789") == std::string::npos; }

std::string process_text(const fs::path& process) {
  std::string command;
  std::getline(std::ifstream{process / "comm"}, command);
  return "process " + process.filename().native() + " (" + shown(command) + ")";
}

// "36 35 7:3 / /srv/data rw,noatime shared:1 - ext4 /dev/loop3 rw" (proc(5)). Also by the source, since btrfs has numbers of its
// own.
std::vector<std::string> mounts_in(const fs::path& mountinfo, const Device& device) {
  std::vector<std::string> paths;
  std::ifstream file{mountinfo};
  for (std::string line; std::getline(file, line);) {
    std::istringstream words{line};
    std::string id, parent, number, root, path, word, type, source;
    words >> id >> parent >> number >> root >> path;
    while (words >> word && word != "-") {
    }
    words >> type >> source;
    if (number == device.number || source == device.path) paths.push_back(shown(path));
  }
  return paths;
}

bool has_open(const fs::path& process, unsigned major_number, unsigned minor_number) {
  for (const auto& fd : names_in(process / "fd")) {
    struct statx status {};  // AT_STATX_DONT_SYNC: a descriptor on a dead network mount must not hang us
    if (::statx(AT_FDCWD, (process / "fd" / fd).c_str(), AT_STATX_DONT_SYNC, STATX_TYPE, &status) != 0) continue;
    if (S_ISBLK(status.stx_mode) && status.stx_rdev_major == major_number && status.stx_rdev_minor == minor_number) return true;
  }
  return false;
}

void add_processes(const Device& device, std::vector<std::string>& users) {
  unsigned major_number{}, minor_number{};
  if (std::sscanf(device.number.c_str(), "%u:%u", &major_number, &minor_number) != 2) return;
  const std::string here = link_of("/proc/self/ns/mnt");
  std::set<std::string> seen{here};
  for (const auto& name : names_in("/proc")) {
    if (!is_number(name)) continue;
    const auto process = fs::path{"/proc"} / name;
    if (const auto space = link_of(process / "ns/mnt"); !space.empty() && seen.insert(space).second) {
      for (const auto& path : mounts_in(process / "mountinfo", device))
        users.push_back("the mount on " + path + " in the mount namespace of " + process_text(process));
    }
    if (has_open(process, major_number, minor_number)) users.push_back(process_text(process));
  }
}
}  // namespace

std::string users_of(const std::string& path, const std::string& number) {
  const Device device{path, number};
  std::vector<std::string> users;
  for (const auto& place : mounts_in("/proc/self/mountinfo", device)) users.push_back("the mount on " + place);
  for (const auto& holder : names_in(fs::path{"/sys/block"} / fs::path(path).filename() / "holders"))
    users.push_back("the device " + shown(holder));
  add_processes(device, users);
  if (users.empty()) return "something that cannot be seen from here (in another container?)";
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t index = 0; index < std::min(users.size(), kShown); ++index) text += (index == 0 ? "" : " and ") + users[index];
  return users.size() > kShown ? text + " and " + std::to_string(users.size() - kShown) + " more" : text;
}

}  // namespace blockplug
