// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/place.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>

#include "hotplug/host/mount/device.h"

namespace blockplug::mount {
namespace {
constexpr int kNothingFollowed = O_PATH | O_NOFOLLOW | O_CLOEXEC;

// Part by part: kernels before 5.6 have no openat2. Also says at which part it ended: `reached`.
FileDescriptor walk(int directory, const std::string& path, int flags, std::string& reached) {
  const bool is_absolute = path.starts_with('/');
  FileDescriptor here{is_absolute ? ::open("/", kNothingFollowed | O_DIRECTORY) : ::openat(directory, ".", kNothingFollowed)};
  for (std::size_t at = is_absolute ? 1 : 0; here.is_open() && at < path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    reached = path.substr(0, end);
    FileDescriptor next{::openat(here.get(), path.substr(at, end - at).c_str(), kNothingFollowed)};
    struct stat status {};
    if (next.is_open() && ::fstat(next.get(), &status) == 0) {
      const bool must_be_directory = end < path.size() || (flags & O_DIRECTORY) != 0;
      if (S_ISLNK(status.st_mode) || (must_be_directory && !S_ISDIR(status.st_mode))) {
        errno = S_ISLNK(status.st_mode) ? ELOOP : ENOTDIR;
        return FileDescriptor{};
      }
    }
    here = std::move(next);
    at = end + 1;
  }
  return here;
}

Error now_a_link(const std::string& path, const std::string& part) {
  return no_effect(Code::FailedPrecondition,
                   part + " has been replaced by a symbolic link since the path " + path +
                       " was checked, so nothing is done there: put the directory back, or use another path");
}

Error not_found(const std::string& path, const std::string& directory, int error) {
  if (error == ENOENT)
    return no_effect(Code::NotFound, "the directory " + directory + " of " + path + " does not exist: create it first");
  std::string part;
  const bool is_link = !walk(AT_FDCWD, directory, O_DIRECTORY, part).is_open() && errno == ELOOP;
  return is_link ? now_a_link(path, part) : system_refused("open the directory " + directory, error);
}

// As the kernel notes it: statx would ask the file system, which may be dead.
int mount_id_of(const FileDescriptor& descriptor) {
  std::ifstream lines("/proc/self/fdinfo/" + std::to_string(descriptor.get()));
  for (std::string name, value; lines >> name >> value;)
    if (name == "mnt_id:") return std::atoi(value.c_str());
  return -1;
}
}  // namespace

FileDescriptor open_without_links(int directory, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(kNothingFollowed | flags);
  how.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  FileDescriptor opened{static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how))};
  if (opened.is_open() || (errno != ENOSYS && errno != EPERM)) return opened;  // EPERM: an older container's filter
  std::string reached;
  return walk(directory, path, flags, reached);
}

std::string through_proc(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

Result<Place> Place::find(const std::string& path) {
  const auto slash = path.rfind('/');
  CHECK(slash != std::string::npos);
  const auto parent = slash == 0 ? std::string("/") : path.substr(0, slash);
  auto directory = open_without_links(AT_FDCWD, parent, O_DIRECTORY);
  if (!directory.is_open()) return not_found(path, parent, errno);
  return Place(std::move(directory), path.substr(slash + 1), path);
}

std::string Place::through_proc() const { return mount::through_proc(directory()) + "/" + name_; }

FileDescriptor Place::open(int flags) const { return open_without_links(directory(), name_, flags); }

Status Place::check_has(const Mount& mount) const {
  const auto there = open();
  if (!there.is_open()) return system_refused("open " + path_, errno);
  if (mount_id_of(there) == mount.id) return Ok{};
  return no_effect(Code::FailedPrecondition, path_ + " leads to another mount than the one of " + mount.source +
                                                 ": a directory above it was renamed or replaced");
}

}  // namespace blockplug::mount
