// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/mount_flags.h"

#include <algorithm>

#include "attach-detach/printable.h"
#include "hotplug/host/mount/flags.h"

namespace blockplug {
namespace {
constexpr std::size_t kMostMountFlags = 32;

Error invalid(const std::string& text) { return no_effect(Code::InvalidArgument, text); }

}  // namespace

Status check_mount_flags(const std::vector<std::string>& flags) {
  if (flags.size() > kMostMountFlags)
    return invalid("too many mount flags: at most " + std::to_string(kMostMountFlags) + " are allowed");
  for (const auto& flag : flags) {
    if (!mount::is_well_formed(flag))
      return invalid("mount flag '" + printable(flag) + "' is not valid: use words such as noatime or commit=30");
    if (flag == "ro" || flag == "rw") return invalid("mount flag '" + flag + "' is not allowed: use read_only instead");
  }
  return Ok{};
}

WantedAttachment with_sorted_flags(WantedAttachment wanted) {
  std::erase_if(wanted.mount_flags, mount::is_of_mount_program);
  if (!wanted.leaf) return wanted;
  auto& of_leaf = wanted.leaf->mount_flags;
  std::erase_if(of_leaf, mount::is_of_mount_program);
  if (wanted.target != TargetId("host") || wanted.height == Height::Device) return wanted;
  for (const auto& flag : of_leaf) {
    if (mount::is_of_path(flag) || std::ranges::count(wanted.mount_flags, flag) > 0) continue;
    wanted.mount_flags.push_back(flag);
  }
  std::erase_if(of_leaf, [](const std::string& flag) { return !mount::is_of_path(flag); });
  return wanted;
}

}  // namespace blockplug
