// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_steps.h"

#include <algorithm>
#include <array>

namespace blockplug {
namespace {
Error refuse(const std::string& why) { return no_effect(Code::FailedPrecondition, why); }

// The guest's refusal of a command in its own words; a missing program says what to install.
Status expect_ok(const Result<Agent::Ran>& ran, const std::string& what, const std::string& package) {
  if (!ran && ran.error().code == Code::NotFound) return refuse(ran.error().message + ": install " + package + " there");
  if (!ran) return ran.error();
  if (!ran->is_ok()) return refuse(what + " in the guest: " + ran->message);
  return Ok{};
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool is_plain_word(const std::string& flag) {
  return !flag.empty() && flag.size() <= 64 && std::ranges::all_of(flag, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           std::string_view("_=.:+-").find(letter) != std::string_view::npos;
  });
}

bool says_busy(const std::string& message) {
  return message.find("busy") != std::string::npos || message.find("in use") != std::string::npos;
}

// `there`: the part of the path that exists. The kernel's list of mounts would show the path under its other name.
Status check_links(Agent& agent, const std::string& path, const std::string& there) {
  if (there.empty()) return Ok{};
  const auto resolved = TRY(agent.look({"readlink", "-f", there}));
  if (resolved.is_ok() && (resolved.output == there + "\n" || resolved.output == there)) return Ok{};
  const auto rest = path.substr(there.size());
  return no_effect(Code::InvalidArgument, path + " in the guest goes through a symbolic link" +
                                              (resolved.is_ok() ? ": it is really " + resolved.message + rest + "; ask for that path"
                                                                : " that leads nowhere: ask for another path"));
}
}  // namespace

Access access_of(const Call& call) {
  const bool is_read_only = call.spec.access == Access::ReadOnly || call.leaf->access == Access::ReadOnly;
  return is_read_only ? Access::ReadOnly : Access::ReadWrite;
}

Result<std::string> mount_options(const Call& call) {
  constexpr std::array<std::string_view, 9> kOtherActs{"ro", "rw", "remount", "bind", "rbind", "move", "loop", "defaults", "user"};
  std::string options;
  for (const auto& flag : call.leaf->flags) {
    if (!is_plain_word(flag) || std::ranges::find(kOtherActs, flag) != kOtherActs.end())
      return no_effect(Code::InvalidArgument, "mount flag '" + (is_plain_word(flag) ? flag : "…") +
                                                  "': only flags of the file system such as noatime are taken");
    options += flag + ",";
  }
  return options + (access_of(call) == Access::ReadOnly ? "ro" : "rw");
}

Result<std::string> first_missing(Agent& agent, const std::string& path) {
  std::string missing;
  for (std::string at = path; !at.empty(); at = parent_of(at)) {
    const auto ran = TRY(agent.look({"test", "-e", at, "-o", "-L", at}));
    if (ran.is_ok()) break;
    missing = at;
  }
  return missing;
}

Status check_mount_point(Agent& agent, const std::string& path, const std::string& missing) {
  TRY(check_links(agent, path, missing.empty() ? path : parent_of(missing)));
  if (!missing.empty()) return Ok{};
  auto found = agent.look({"find", path, "-mindepth", "1", "-maxdepth", "1", "-print", "-quit"});
  if (!found && found.error().code == Code::NotFound) found = agent.look({"ls", "-A", path});
  if (!found) return found.error();
  if (!found->is_ok() || found->output.empty()) return Ok{};
  return refuse(path + " in the guest is not empty: a mount would hide what it holds; choose another path, or empty it");
}

Status make_directory(Agent& agent, const std::string& path) {
  return expect_ok(agent.change({"mkdir", "-p", path}), "mkdir " + path, "coreutils");
}

void remove_directories(Agent& agent, const std::string& path, const std::string& made) {
  if (made.empty() || !(path == made || path.starts_with(made + "/"))) return;
  std::vector<std::string> command{"rmdir"};
  for (std::string at = path; at.size() >= made.size(); at = parent_of(at)) command.push_back(at);
  static_cast<void>(agent.change(command));
}

Status mount_at(Agent& agent, const GuestDisk& disk, const std::string& filesystem, const GuestMountEntry* elsewhere,
                const Call& call) {
  const std::string& path = call.rung.leaf;
  const auto options = TRY(mount_options(call));
  const bool is_read_only = access_of(call) == Access::ReadOnly;
  if (elsewhere != nullptr && elsewhere->is_filesystem_read_only && !is_read_only)
    return refuse("the file system is mounted read-only at " + elsewhere->path +
                  " in the guest: unmount it there before it is mounted for writing");
  if (elsewhere == nullptr || elsewhere->is_filesystem_read_only || !is_read_only)
    return expect_ok(agent.change({"mount", "-t", filesystem, "-o", options, disk.path, path}),
                     "mount " + disk.path + " at " + path, "mount");
  // Read-only beside a mount for writing: the file system has one state, only a bind has its own.
  TRY(expect_ok(agent.change({"mount", "-o", "bind", elsewhere->path, path}), "mount " + path, "mount"));
  auto made = expect_ok(agent.change({"mount", "-o", "remount,bind," + options, path}), "mount " + path + " read-only", "mount");
  if (!made) static_cast<void>(agent.change({"umount", path}));
  return made;
}

Status remount(Agent& agent, const GuestMountEntry& mount, const Call& call) {
  const auto options = TRY(mount_options(call));
  if (access_of(call) == Access::ReadWrite && mount.is_filesystem_read_only)
    return refuse("the file system is mounted read-only at " + mount.path +
                  " in the guest, perhaps after an error: look at the guest's kernel log, "
                  "and unmount it there");
  return expect_ok(agent.change({"mount", "-o", "remount,bind," + options, mount.path}),
                   "mount " + mount.path + " again with " + options, "mount");
}

Status grow(Agent& agent, const GuestDisk& disk, const std::string& filesystem, const std::string& path) {
  const bool is_xfs = filesystem == "xfs";
  auto grown = is_xfs ? expect_ok(agent.change({"xfs_growfs", path}), "xfs_growfs " + path, "xfsprogs")
                      : expect_ok(agent.change({"resize2fs", disk.path}), "resize2fs " + disk.path, "e2fsprogs");
  if (!grown)
    return maybe_effect(grown.error().code, "the file system is mounted and has its earlier size: " + grown.error().message);
  return grown;
}

Result<bool> unmount(Agent& agent, const std::string& path, std::string& why) {
  const auto ran = agent.change({"umount", path});
  if (ran && ran->is_ok()) return true;
  if (ran && says_busy(ran->message)) {
    why = path + " in the guest is in use: close what uses it, or detach with --force";
    return false;
  }
  TRY(expect_ok(ran, "umount " + path, "mount"));
  return true;
}

}  // namespace blockplug
