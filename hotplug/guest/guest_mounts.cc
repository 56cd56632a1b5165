// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_mounts.h"

#include <algorithm>
#include <sstream>

namespace blockplug {
namespace {
constexpr std::size_t kMostBytes = 8U << 20U;

bool is_octal(char letter) { return letter >= '0' && letter <= '7'; }

// "\040" is a space; so are tab, newline and backslash written (kernel mangle()).
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_escape =
        text[at] == '\\' && at + 3 < text.size() && is_octal(text[at + 1]) && is_octal(text[at + 2]) && is_octal(text[at + 3]);
    plain += is_escape ? static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 + (text[at + 3] - '0')) : text[at];
    if (is_escape) at += 3;
  }
  return plain;
}

bool has_ro(const std::string& options) { return options == "ro" || options.starts_with("ro,"); }
}  // namespace

// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue   (proc_pid_mountinfo(5))
GuestMounts parse_mountinfo(std::string_view text) {
  GuestMounts mounts;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string id, parent, options, word, filesystem_options;
    GuestMountEntry mount;
    words >> id >> parent >> mount.number >> mount.root >> mount.path >> options;
    while (words >> word && word != "-") {
    }
    words >> mount.filesystem >> mount.source >> filesystem_options;
    if (mount.path.empty()) continue;
    for (auto* name : {&mount.path, &mount.root, &mount.source}) *name = unescaped(*name);
    mount.is_read_only = has_ro(options);
    mount.is_filesystem_read_only = has_ro(filesystem_options);
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

Result<GuestMounts> read_guest_mounts(Agent& agent) {
  const auto text = TRY(agent.read_file("/proc/self/mountinfo", 0, kMostBytes));
  if (text.empty() || text.size() == kMostBytes)
    return no_effect(Code::Unavailable, "the guest's list of mounts cannot be read whole (/proc/self/mountinfo)");
  return parse_mountinfo(text);
}

const GuestMountEntry* topmost_at(const GuestMounts& mounts, const std::string& path) {
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(), [&](const auto& mount) { return mount.path == path; });
  return found == mounts.rend() ? nullptr : &*found;
}

}  // namespace blockplug
