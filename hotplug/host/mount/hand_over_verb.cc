// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>

#include "hotplug/host/mount/device.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/host/mount/verbs.h"

namespace blockplug::mount {
namespace {

Error failed(const std::string& what, int error) {
  if (error == ENOSYS) return no_effect(Code::FailedPrecondition, "cannot " + what + ": that needs Linux 5.12 or newer");
  return system_refused(what, error);
}

Status write_file(int directory, const std::string& contents) {
  const FileDescriptor file{::openat(directory, kHandOverFile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444)};
  if (!file.is_open()) return failed("make the file of the hand-over", errno);
  for (std::size_t written = 0; written < contents.size();) {
    const auto now = ::write(file.get(), contents.data() + written, contents.size() - written);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) return failed("write the file of the hand-over", errno);
    written += static_cast<std::size_t>(now);
  }
  return Ok{};
}

// Not yet visible anywhere. `context` configures it.
Result<FileDescriptor> make_tmpfs(int context, const std::string& mark) {
  const auto set = [&](const char* name, const std::string& value) {
    return ::fsconfig(context, FSCONFIG_SET_STRING, name, value.c_str(), 0) == 0;
  };
  const bool is_made = set("source", mark) && set("size", "64k") && set("nr_inodes", "16") && set("mode", "0755") &&
                       ::fsconfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  if (!is_made) return failed("make the tmpfs of the hand-over", errno);
  FileDescriptor made{::fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)};
  if (!made.is_open()) return failed("mount the tmpfs of the hand-over", errno);
  return made;
}

// The file system, however it is mounted, and this mount of it.
Status make_read_only(int context, int made) {
  mount_attr attributes{.attr_set = MOUNT_ATTR_RDONLY, .attr_clr = 0, .propagation = 0, .userns_fd = 0};
  const bool is_read_only = ::fsconfig(context, FSCONFIG_SET_FLAG, "ro", nullptr, 0) == 0 &&
                            ::fsconfig(context, FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) == 0 &&
                            ::mount_setattr(made, "", AT_EMPTY_PATH, &attributes, sizeof attributes) == 0;
  return is_read_only ? Status(Ok{}) : failed("make the tmpfs of the hand-over read-only", errno);
}

}  // namespace

Result<Facts> hand_over_verb(const Facts& arguments) {
  const auto path = fact(arguments, "path");
  TRY(check_target(path, Shape::Directory));
  const FileDescriptor context{::fsopen("tmpfs", FSOPEN_CLOEXEC)};
  if (!context.is_open()) return failed("make a tmpfs", errno);
  const auto made = TRY(make_tmpfs(context.get(), fact(arguments, "mark")));
  TRY(write_file(made.get(), fact(arguments, "contents")));
  TRY(make_read_only(context.get(), made.get()));
  const auto target = TRY(make_target(path, Shape::Directory));
  if (::move_mount(made.get(), "", target.get(), "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0) return Facts{};
  const int error = errno;
  remove_target(path);
  return failed("mount the hand-over on " + path, error);
}

}  // namespace blockplug::mount
