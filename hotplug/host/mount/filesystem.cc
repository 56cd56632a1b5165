// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/filesystem.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "attach-detach/printable.h"
#include "hotplug/filesystem_features.h"
#include "hotplug/host/mount/device.h"
#include "hotplug/host/mount/flags.h"
#include "hotplug/host/mount/place.h"
#include "hotplug/host/mount/target_path.h"

namespace blockplug::mount {
namespace {
std::string said(const Ran& ran) { return " (exit status " + std::to_string(ran.exit_status) + "): " + ran.output; }

// fsopen(2)'s log: lines "e text", "w text" or "i text".
std::string words_of_kernel(int context) {
  std::string words;
  char line[512];
  for (ssize_t got = 0; (got = ::read(context, line, sizeof line)) > 0;) {
    std::string text(line, static_cast<std::size_t>(got));
    if (text.size() > 2 && text[1] == ' ') text.erase(0, 2);
    words += (words.empty() ? "" : "; ") + printable(text.substr(0, text.find('\n')));
  }
  return words;
}

Error not_mounted(const NewMount& wanted, int error, const std::string& words) {
  const auto what = "mount the " + wanted.filesystem + " of " + wanted.device + " on " + wanted.path;
  if (wanted.filesystem == "xfs" && wanted.flags.is_read_only() && (error == EROFS || error == EACCES))
    return no_effect(Code::FailedPrecondition,
                     wanted.device +
                         ": its file system was not unmounted cleanly, and a read-only mount does not replay the log: " +
                         way_without_replay(wanted.filesystem));
  auto refused = system_refused(what, error);
  const bool is_not_supported = error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
  if (is_not_supported && !wanted.if_refused.empty())
    return no_effect(Code::FailedPrecondition, refused.message + (words.empty() ? ": " : " (" + words + "): ") + wanted.if_refused);
  if (error == EINVAL || error == EBUSY) refused.code = Code::FailedPrecondition;
  if (error == EINVAL) refused.message += ": the kernel log has the reason";
  if (error == ENODEV)
    refused.message += ": this kernel does not support " + wanted.filesystem + " (run `modprobe " + wanted.filesystem + "`)";
  if (!words.empty()) refused.message += " (" + words + ")";
  return refused;
}

Error too_new(const std::string& device, const std::string& what, const Ran& ran) {
  return no_effect(Code::FailedPrecondition,
                   device + ": its ext4 file system " + what +
                       ", because it has features that this machine's e2fsprogs do not know. It is not "
                       "known to be damaged, and nothing was changed: install newer e2fsprogs. The output" +
                       said(ran));
}

std::vector<std::string> options_of(const NewMount& wanted) {
  auto options = wanted.flags.options;
  if (needs_nouuid(wanted.filesystem, options)) options.emplace_back("nouuid");
  return options;
}

Status add_option(int context, const std::string& option, const std::string& filesystem) {
  const auto equals = option.find('=');
  const int set = equals == std::string::npos ? ::fsconfig(context, FSCONFIG_SET_FLAG, option.c_str(), nullptr, 0)
                                              : ::fsconfig(context, FSCONFIG_SET_STRING, option.substr(0, equals).c_str(),
                                                           unquoted(option.substr(equals + 1)).c_str(), 0);
  if (set == 0) return Ok{};
  const int error = errno;
  const auto words = words_of_kernel(context);
  return no_effect(Code::InvalidArgument, "mount flag '" + printable(option) + "' is refused for " + filesystem + ": " +
                                              (words.empty() ? std::generic_category().message(error) : words));
}

Status check_is_of_device(int mount, const NewMount& wanted) {
  struct statx status {};
  if (::statx(mount, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) != 0)
    return system_refused("look at the new mount of " + wanted.device, errno);
  const auto number = number_text(status.stx_dev_major, status.stx_dev_minor);
  if (number == wanted.number) return Ok{};
  return no_effect(Code::FailedPrecondition,
                   wanted.device + " is no longer device " + wanted.number + ": device " + number + " was mounted instead");
}

// Kernels before 5.2. The other flags are the MS_* equivalents of the mount attributes.
Status mount_the_old_way(const NewMount& wanted) {
  const auto flags = flags_of_old_mount(wanted.flags.set);
  std::string data;
  for (const auto& option : options_of(wanted)) data += (data.empty() ? "" : ",") + option;
  if (::mount(wanted.device.c_str(), through_proc(wanted.target).c_str(), wanted.filesystem.c_str(), flags, data.c_str()) == 0)
    return Ok{};
  return not_mounted(wanted, errno, "");
}
}  // namespace

Result<Ran> run_tool(const std::vector<std::string>& command) {
  auto ran = run_program(command);
  if (ran.ok() || ran.error().code != Code::NotFound) return ran;
  const bool is_xfs = command.front().find("xfs") != std::string::npos;
  return no_effect(Code::FailedPrecondition,
                   command.front() + " is not installed on this host: apt install " + (is_xfs ? "xfsprogs" : "e2fsprogs"));
}

Status check_options(const std::string& filesystem, const MountFlags& flags) {
  const FileDescriptor context{::fsopen(filesystem.c_str(), FSOPEN_CLOEXEC)};
  if (!context.is_open()) return Ok{};  // the mount says what is missing
  for (const auto& option : flags.options) TRY(add_option(context.get(), option, filesystem));
  return Ok{};
}

Result<bool> is_sound_ext4(const std::string& device) {
  const auto ran = run_tool({"e2fsck", "-f", "-n", device});
  if (ran.ok() && says_unsupported(ran->output)) return too_new(device, "cannot be checked", *ran);
  return ran.ok() && ran->exit_status == 0;
}

// e2fsck(8): 0 clean, 1 corrected, 2 corrected and "reboot" (for a mounted root only), 4 and more: not.
Status repair_ext4(const std::string& device) {
  const auto ran = TRY(run_tool({"e2fsck", "-p", device}));
  if (ran.exit_status < 4) return Ok{};
  if (says_unsupported(ran.output))
    return too_new(device, "was not unmounted cleanly and cannot be checked before it is mounted", ran);
  return no_effect(Code::FailedPrecondition,
                   device + ": its ext4 file system is damaged and cannot be repaired automatically: run `e2fsck " + device +
                       "` by hand. Its output" + said(ran));
}

Status grow_unmounted_ext4(const std::string& device) {
  const auto checked = TRY(run_tool({"e2fsck", "-f", "-p", device}));
  if (checked.exit_status >= 4 && says_unsupported(checked.output)) return too_new(device, "cannot be grown", checked);
  if (checked.exit_status >= 4)
    return no_effect(Code::FailedPrecondition, device + ": its ext4 file system is damaged, so it is not grown: run `e2fsck " +
                                                   device + "` by hand. Its output" + said(checked));
  const auto grown = TRY(run_tool({"resize2fs", device}));
  if (grown.exit_status == 0) return Ok{};
  return maybe_effect(Code::FailedPrecondition, "cannot grow the ext4 of " + device + ": resize2fs" + said(grown));
}

Status grow_mounted(const std::string& filesystem, const std::string& device, const std::string& path) {
  const bool is_xfs = filesystem == "xfs";
  const auto ran = TRY(is_xfs ? run_tool({"xfs_growfs", "-d", path}) : run_tool({"resize2fs", device}));
  if (ran.exit_status == 0) return Ok{};
  if (!is_xfs && ran.output.find("Permission denied to resize") != std::string::npos)
    return no_effect(Code::FailedPrecondition,
                     "growing a mounted ext4 needs CAP_SYS_RESOURCE, which the daemon lacks: grant it, or detach the volume of " +
                         device + " and attach it again (it is then grown before it is mounted)");
  return maybe_effect(Code::Unavailable,
                      "cannot grow the " + filesystem + " of " + device + ": " + (is_xfs ? "xfs_growfs" : "resize2fs") + said(ran));
}

Status mount_filesystem(const NewMount& wanted) {
  const FileDescriptor context{::fsopen(wanted.filesystem.c_str(), FSOPEN_CLOEXEC)};
  if (!context.is_open() && errno == ENOSYS) return mount_the_old_way(wanted);
  if (!context.is_open()) return not_mounted(wanted, errno, "");
  if (::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", wanted.device.c_str(), 0) != 0)
    return not_mounted(wanted, errno, words_of_kernel(context.get()));
  for (const auto& option : options_of(wanted)) TRY(add_option(context.get(), option, wanted.filesystem));
  // The file system is read-only too, not only this mount: the kernel itself writes nothing either.
  if (wanted.flags.is_read_only()) TRY(add_option(context.get(), "ro", wanted.filesystem));
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    const int error = errno;
    return not_mounted(wanted, error, words_of_kernel(context.get()));
  }
  const FileDescriptor mount{::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(wanted.flags.set))};
  if (!mount.is_open()) return not_mounted(wanted, errno, words_of_kernel(context.get()));
  TRY(check_is_of_device(mount.get(), wanted));
  // A new mount is private; if its parent is shared (as on hosts that run kubelet), attaching makes it shared, so that it
  // propagates to the mount namespaces that follow the host's.
  if (::move_mount(mount.get(), "", wanted.target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0) return Ok{};
  return not_mounted(wanted, errno, "");
}

}  // namespace blockplug::mount
