// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/device.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <system_error>

namespace blockplug::mount {
namespace {
Error not_it(const std::string& path, const std::string& number, const std::string& why) {
  return no_effect(Code::FailedPrecondition, path + " is no longer device " + number + ": " + why);
}
}  // namespace

Result<FileDescriptor> open_device(const std::string& path, const std::string& number, int flags) {
  FileDescriptor fd{::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (!fd.is_open()) {
    const int error = errno;
    if (error == ENOENT || error == ENXIO || error == ENODEV || error == ELOOP)
      return not_it(path, number, std::generic_category().message(error));
    if (error == EBUSY)
      return no_effect(Code::FailedPrecondition, path +
                                                     " is already in use (mounted, maybe in another mount namespace, or part of "
                                                     "another device): check with `lsblk " +
                                                     path + "` and free it first");
    return system_refused("open " + path, error);
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return system_refused("look at " + path, errno);
  if (!S_ISBLK(status.st_mode)) return not_it(path, number, "it is not a block device");
  const auto now = number_text(major(status.st_rdev), minor(status.st_rdev));
  if (now != number) return not_it(path, number, "it is " + now);
  return fd;
}

Result<std::int64_t> size_of_device(int fd) {
  std::uint64_t bytes = 0;
  if (::ioctl(fd, BLKGETSIZE64, &bytes) != 0) return system_refused("get the device's size", errno);
  return static_cast<std::int64_t>(bytes);
}

Result<bool> is_device_read_only(int fd) {
  int is_read_only = 0;
  if (::ioctl(fd, BLKROGET, &is_read_only) != 0) return system_refused("get the device's read-only flag", errno);
  return is_read_only != 0;
}

std::string number_text(unsigned major_number, unsigned minor_number) {
  return std::to_string(major_number) + ":" + std::to_string(minor_number);
}

Error system_refused(const std::string& what, int error) {
  const auto code = [&] {
    switch (error) {
      case EACCES:
      case EPERM: return Code::PermissionDenied;
      case ENOSPC:
      case EDQUOT: return Code::ResourceExhausted;
      case EROFS:
      case ELOOP:
      case ENOTDIR:
      case EISDIR:
      case ENODEV:
      case EUCLEAN: return Code::FailedPrecondition;
      default: return Code::Unavailable;  // EIO, EMFILE, ENOMEM ...: a retry may help
    }
  }();
  return no_effect(code, "cannot " + what + ": " + std::generic_category().message(error));
}

}  // namespace blockplug::mount
