// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/lock.h"

#include <fcntl.h>

#include <cerrno>

#include "volume-plugin/local/system_error.h"

namespace blockplug::local {
namespace {
struct flock lock_on(ByteRange range, short type) {
  struct flock lock {};  // l_pid must be 0 for OFD commands
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = range.first;
  lock.l_len = range.last - range.first + 1;
  return lock;
}

short type_for(Access access) { return access == Access::ReadWrite ? F_WRLCK : F_RDLCK; }

Result<bool> is_in_the_way(int fd, ByteRange range, short type) {
  auto lock = lock_on(range, type);
  if (::fcntl(fd, F_OFD_GETLK, &lock) != 0) return system_error(errno, "read the locks of the file");
  return lock.l_type != F_UNLCK;
}
}  // namespace

Result<bool> take_daemon_lock(int fd, Access access) {
  const auto lock = lock_on(kDaemonByte, type_for(access));
  if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return system_error(errno, "lock the file (volumes need a file system that supports locks)");
}

void release_daemon_lock(int fd) {
  const auto lock = lock_on(kDaemonByte, F_UNLCK);
  ::fcntl(fd, F_OFD_SETLK, &lock);
}

Result<bool> may_take_daemon_lock(int fd, Access access) { return !TRY(is_in_the_way(fd, kDaemonByte, type_for(access))); }

Result<bool> has_foreign_lock(int fd, std::span<const ByteRange> ranges) {
  for (const auto& range : ranges)
    if (TRY(is_in_the_way(fd, range, F_WRLCK))) return true;
  return false;
}

}  // namespace blockplug::local
