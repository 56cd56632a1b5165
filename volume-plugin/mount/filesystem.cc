// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/mount/filesystem.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "volume-plugin/mount/device.h"
#include "volume-plugin/mount/target_path.h"
#include "volume-plugin/printable.h"

namespace blockplug::mount {
namespace {
constexpr std::int64_t kMebibyte = 1 << 20;

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

Error not_mounted(const NewMount& wished, int error, const std::string& words) {
  const auto what = "mount the " + wished.filesystem + " of " + wished.device + " on " + wished.path;
  if (wished.filesystem == "xfs" && wished.flags.is_read_only() && (error == EROFS || error == EACCES))
    return no_effect(Code::FailedPrecondition,
                     wished.device +
                         ": its file system was not cleanly unmounted, and read-only nothing is replayed: "
                         "attach it read-write once");
  auto refused = system_refused(what, error);
  if (error == EINVAL || error == EBUSY) refused.code = Code::FailedPrecondition;
  if (error == EINVAL && wished.filesystem == "xfs")
    refused.message +=
        ": the kernel's log says why; where another mounted xfs has the same UUID (a clone, a snapshot), ask for the flag nouuid";
  if (error == ENODEV) refused.message += ": this kernel has no " + wished.filesystem + " (`modprobe " + wished.filesystem + "`)";
  if (!words.empty()) refused.message += " (" + words + ")";
  return refused;
}

Status add_option(int context, const std::string& option, const NewMount& wished) {
  const auto equals = option.find('=');
  const int set = equals == std::string::npos ? ::fsconfig(context, FSCONFIG_SET_FLAG, option.c_str(), nullptr, 0)
                                              : ::fsconfig(context, FSCONFIG_SET_STRING, option.substr(0, equals).c_str(),
                                                           option.substr(equals + 1).c_str(), 0);
  if (set == 0) return Ok{};
  const int error = errno;
  const auto words = words_of_kernel(context);
  return no_effect(Code::InvalidArgument, "mount flag '" + printable(option) + "' is refused for " + wished.filesystem + ": " +
                                              (words.empty() ? std::generic_category().message(error) : words));
}

Status check_is_of_device(int mount, const NewMount& wished) {
  struct statx status {};
  if (::statx(mount, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) != 0)
    return system_refused("look at the new mount of " + wished.device, errno);
  const auto number = number_text(status.stx_dev_major, status.stx_dev_minor);
  if (number == wished.number) return Ok{};
  return no_effect(Code::FailedPrecondition,
                   wished.device + " is not the device " + wished.number + " any more: what was mounted is " + number);
}

// Kernels before 5.2. Flags that are not the file system's are those of the attributes with the same meaning.
Status mount_the_old_way(const NewMount& wished) {
  const auto flags = flags_of_old_mount(wished.flags.set);
  std::string data;
  for (const auto& option : wished.flags.options) data += (data.empty() ? "" : ",") + option;
  if (::mount(wished.device.c_str(), wished.path.c_str(), wished.filesystem.c_str(), flags, data.c_str()) == 0) return Ok{};
  return not_mounted(wished, errno, "");
}
}  // namespace

Result<Ran> run_tool(const std::vector<std::string>& command) {
  auto ran = run_program(command);
  if (ran.ok() || ran.error().code != Code::NotFound) return ran;
  const bool is_xfs = command.front().find("xfs") != std::string::npos;
  return no_effect(Code::FailedPrecondition,
                   command.front() + " is not installed on this host: apt install " + (is_xfs ? "xfsprogs" : "e2fsprogs"));
}

bool is_sound_ext4(const std::string& device) {
  const auto ran = run_tool({"e2fsck", "-f", "-n", device});
  return ran.ok() && ran->exit_status == 0;
}

// e2fsck(8): 0 clean, 1 corrected, 2 corrected and "reboot" (for a mounted root only), 4 and more: not.
Status repair_ext4(const std::string& device) {
  const auto ran = TRY(run_tool({"e2fsck", "-p", device}));
  if (ran.exit_status < 4) return Ok{};
  return no_effect(Code::FailedPrecondition,
                   device + ": its ext4 file system is damaged and cannot be mended without a person: run `e2fsck " + device +
                       "` by hand. It said" + said(ran));
}

Status grow_unmounted_ext4(const std::string& device) {
  const auto checked = TRY(run_tool({"e2fsck", "-f", "-p", device}));
  if (checked.exit_status >= 4)
    return no_effect(Code::FailedPrecondition, device + ": its ext4 file system is damaged, so it is not grown: run `e2fsck " +
                                                   device + "` by hand. It said" + said(checked));
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
                     "growing a mounted ext4 needs CAP_SYS_RESOURCE, which the daemon has not: give it that, or detach " +
                         device + "'s volume and attach it again (it grows before it is mounted)");
  return maybe_effect(Code::Unavailable, "cannot grow the " + filesystem + " of " + device + ": " +
                                             (is_xfs ? "xfs_growfs" : "resize2fs") + said(ran));
}

Status check_size_for(const std::string& filesystem, std::int64_t size_bytes) {
  const bool is_xfs = filesystem == "xfs";
  const auto least = is_xfs ? 300 * kMebibyte : kMebibyte;
  if (size_bytes >= least) return Ok{};
  const auto size =
      size_bytes % kMebibyte == 0 ? std::to_string(size_bytes / kMebibyte) + " MiB" : std::to_string(size_bytes) + " bytes";
  const auto needs = "an " + filesystem + " file system needs at least ";
  if (is_xfs)
    return no_effect(Code::InvalidArgument,
                     needs + "300 MiB (mkfs.xfs's own limit); the volume has " + size + ": expand it, or ask for ext4");
  return no_effect(Code::InvalidArgument, needs + "1 MiB; the volume has " + size + ": expand it");
}

Status mount_filesystem(const NewMount& wished) {
  const FileDescriptor context{::fsopen(wished.filesystem.c_str(), FSOPEN_CLOEXEC)};
  if (!context.is_open() && errno == ENOSYS) return mount_the_old_way(wished);
  if (!context.is_open()) return not_mounted(wished, errno, "");
  if (::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", wished.device.c_str(), 0) != 0)
    return not_mounted(wished, errno, words_of_kernel(context.get()));
  for (const auto& option : wished.flags.options) TRY(add_option(context.get(), option, wished));
  // Read-only for the file system too, not only for this mount: nothing is written by the kernel itself either.
  if (wished.flags.is_read_only()) TRY(add_option(context.get(), "ro", wished));
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    const int error = errno;
    return not_mounted(wished, error, words_of_kernel(context.get()));
  }
  const FileDescriptor mount{::fsmount(context.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(wished.flags.set))};
  if (!mount.is_open()) return not_mounted(wished, errno, words_of_kernel(context.get()));
  TRY(check_is_of_device(mount.get(), wished));
  const FileDescriptor target{::open(wished.path.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC)};
  if (!target.is_open()) return system_refused("open " + wished.path, errno);
  // A new mount is private; where its parent is shared (as on hosts that run kubelet) attaching makes it shared, so that it
  // reaches the mount namespaces that follow the host's.
  if (::move_mount(mount.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0) return Ok{};
  return not_mounted(wished, errno, "");
}

}  // namespace blockplug::mount
