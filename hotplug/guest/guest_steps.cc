// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_steps.h"

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <vector>

#include "hotplug/host/mount/flags.h"

namespace blockplug {
namespace {
Error refuse(const std::string& why) { return no_effect(Code::FailedPrecondition, why); }

// Converts a failed command to an error with the guest's message; for a missing program it names the package.
Status expect_ok(const Result<Agent::Ran>& ran, const std::string& what, const std::string& package) {
  if (!ran && ran.error().code == Code::NotFound) return refuse(ran.error().message + ": install " + package + " there");
  if (!ran) return ran.error();
  if (!ran->is_ok()) return refuse(what + " in the guest: " + ran->message);
  return Ok{};
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool says_busy(const std::string& message) {
  return message.find("busy") != std::string::npos || message.find("in use") != std::string::npos;
}

// util-linux's words, and those of busybox, which has the kernel's.
bool says_invalid(const std::string& message) {
  for (const char* words : {"wrong fs type", "Invalid argument", "Function not implemented", "Operation not supported"})
    if (message.find(words) != std::string::npos) return true;
  return false;
}
bool says_unknown_type(const std::string& message) {
  return message.find("unknown filesystem type") != std::string::npos || message.find("No such device") != std::string::npos;
}

// `at`: the first link of the path. The mount table would show the resolved path.
Error goes_through_link(Agent& agent, const std::string& path, const std::string& at) {
  const auto resolved = agent.look({"readlink", "-f", at});
  if (!resolved) return resolved.error();
  const auto rest = path.substr(at.size());
  return no_effect(Code::InvalidArgument, path + " in the guest goes through a symbolic link" +
                                              (resolved->is_ok() ? ": use the real path " + resolved->message + rest
                                                                 : " with a missing target: use another path"));
}

// "directory", "symbolic link", …, in stat's words, of each part of the path that exists.
Result<std::map<std::string, std::string>> kinds_of_parts(Agent& agent, const std::string& path) {
  std::vector<std::string> command{"stat", "-c", "%F:%n"};
  for (auto slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    command.push_back(path.substr(0, slash));
    if (slash == std::string::npos) break;
  }
  const auto ran = TRY(agent.look(command));
  std::map<std::string, std::string> kinds;
  std::istringstream lines(ran.output);
  for (std::string line; std::getline(lines, line);)
    if (const auto colon = line.find(':'); colon != std::string::npos) kinds[line.substr(colon + 1)] = line.substr(0, colon);
  // It fails if a part is missing, and then names it.
  if (!ran.is_ok() && ran.exit_status != 1) return refuse("stat " + path + " in the guest: " + ran.message);
  return kinds;
}
}  // namespace

Access access_of(const Call& call) {
  const bool is_read_only = call.spec.access == Access::ReadOnly || call.leaf->access == Access::ReadOnly;
  return is_read_only ? Access::ReadOnly : Access::ReadWrite;
}

Result<std::string> mount_options(const Call& call, const std::string& filesystem) {
  constexpr std::array<std::string_view, 9> kOtherActs{"ro", "rw", "remount", "bind", "rbind", "move", "loop", "defaults", "user"};
  std::string options;
  for (const auto& flag : call.leaf->flags) {
    if (!mount::is_well_formed(flag) || std::ranges::find(kOtherActs, flag) != kOtherActs.end())
      return no_effect(Code::InvalidArgument, "mount flag '" + (mount::is_well_formed(flag) ? flag : "…") +
                                                  "' is not allowed: use file system options such as noatime");
    options += flag + ",";
  }
  if (mount::needs_nouuid(filesystem, call.leaf->flags)) options += "nouuid,";
  return options + (access_of(call) == Access::ReadOnly ? "ro" : "rw");
}

Result<std::string> check_mount_point(Agent& agent, const std::string& path) {
  const auto kinds = TRY(kinds_of_parts(agent, path));
  std::string missing;
  for (std::string at = path; !at.empty(); at = parent_of(at))
    if (!kinds.contains(at)) missing = at;
  for (const auto& [at, kind] : kinds)  // a shorter path comes first
    if (kind == "symbolic link") return goes_through_link(agent, path, at);
  if (!missing.empty()) return missing;
  if (const auto& kind = kinds.at(path); kind != "directory")
    return refuse(path + " in the guest is a " + kind + ", not a directory");
  auto found = agent.look({"find", path, "-mindepth", "1", "-maxdepth", "1", "-print", "-quit"});
  if (!found && found.error().code == Code::NotFound) found = agent.look({"ls", "-A", path});
  if (!found) return found.error();
  if (!found->is_ok() || found->output.empty()) return missing;
  return refuse(path + " in the guest is not empty: a mount would hide its contents; use another path, or empty it");
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

Status mount_at(Agent& agent, const GuestDisk& disk, const std::string& filesystem, const MountEntry* elsewhere, const Call& call,
                const std::string& if_refused) {
  const std::string& path = call.rung.leaf;
  const bool is_read_only = access_of(call) == Access::ReadOnly;
  if (elsewhere != nullptr && elsewhere->is_filesystem_read_only && !is_read_only)
    return refuse("the file system is mounted read-only at " + elsewhere->path +
                  " in the guest: unmount it there first, then attach it read-write");
  if (elsewhere == nullptr || elsewhere->is_filesystem_read_only || !is_read_only) {
    const auto ran = agent.change({"mount", "-t", filesystem, "-o", TRY(mount_options(call, filesystem)), disk.path, path});
    auto mounted = expect_ok(ran, "mount " + disk.path + " at " + path, "mount");
    if (ran && !ran->is_ok() && says_invalid(ran->message))
      mounted.error().message += ": " + (if_refused.empty() ? "the guest's kernel log has the reason" : if_refused);
    if (ran && !ran->is_ok() && says_unknown_type(ran->message))
      mounted.error().message +=
          ": the guest's kernel does not support " + filesystem + " (run `modprobe " + filesystem + "` there)";
    return mounted;
  }
  const auto options = TRY(mount_options(call));
  // Read-only beside a read-write mount: the file system has one state, only a bind mount has its own.
  TRY(expect_ok(agent.change({"mount", "-o", "bind", elsewhere->path, path}), "mount " + path, "mount"));
  auto made = expect_ok(agent.change({"mount", "-o", "remount,bind," + options, path}), "mount " + path + " read-only", "mount");
  if (!made) static_cast<void>(agent.change({"umount", path}));
  return made;
}

Status remount(Agent& agent, const MountEntry& mount, const Call& call) {
  const auto options = TRY(mount_options(call));
  if (access_of(call) == Access::ReadWrite && mount.is_filesystem_read_only)
    return refuse("the file system is mounted read-only at " + mount.path +
                  " in the guest, possibly after an error: check the guest's kernel log, "
                  "and unmount it there");
  return expect_ok(agent.change({"mount", "-o", "remount,bind," + options, mount.path}),
                   "mount " + mount.path + " again with " + options, "mount");
}

Status grow(Agent& agent, const GuestDisk& disk, const std::string& filesystem, const std::string& path) {
  const bool is_xfs = filesystem == "xfs";
  auto grown = is_xfs ? expect_ok(agent.change({"xfs_growfs", path}), "xfs_growfs " + path, "xfsprogs")
                      : expect_ok(agent.change({"resize2fs", disk.path}), "resize2fs " + disk.path, "e2fsprogs");
  if (!grown) return maybe_effect(grown.error().code, "the file system is mounted but was not grown: " + grown.error().message);
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
