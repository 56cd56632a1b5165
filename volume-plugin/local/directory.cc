// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/directory.h"

#include <fcntl.h>

#include <cerrno>

#include "attach-detach/printable.h"
#include "volume-plugin/local/name.h"
#include "volume-plugin/local/system_error.h"

namespace blockplug::local {
namespace {
const char* kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR: return "a directory";
    case S_IFLNK: return "a symbolic link";
    case S_IFIFO: return "a named pipe";
    case S_IFSOCK: return "a socket";
    case S_IFBLK: return "a block device";
    case S_IFCHR: return "a character device";
    default: return "a regular file";
  }
}

Error refused(const std::string& text) { return no_effect(Code::FailedPrecondition, text); }

// Absolute, without "..", and without a trailing slash, which would make the kernel follow a link at the end.
Result<std::string> checked_path(const std::filesystem::path& path) {
  const auto shown = "the volumes' directory '" + printable(path.native()) + "'";
  if (path.native().find('\0') != std::string::npos) return no_effect(Code::InvalidArgument, shown + " contains a NUL byte");
  if (!path.is_absolute()) return no_effect(Code::InvalidArgument, shown + " is not an absolute path: it must begin with '/'");
  auto normal = path.lexically_normal().native();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  if (normal == "/") return no_effect(Code::InvalidArgument, shown + " is the root directory: configure a directory below it");
  return normal;
}

Status make_with_parents(const std::string& path) {
  for (auto slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const auto part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return system_error(errno, "create the volumes' directory " + part);
    if (slash == std::string::npos) return Ok{};
  }
}

Status check_directory(const std::string& path, const struct stat& status) {
  if (!S_ISDIR(status.st_mode))
    return refused(path + " is " + kind_of(status.st_mode) + ", not a directory: configure a real directory");
  if (status.st_uid != ::geteuid()) {
    return refused(path + " belongs to user " + std::to_string(status.st_uid) + ", not to the daemon's user (" +
                   std::to_string(::geteuid()) + "): chown it, or configure another path");
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return refused(path + " is writable for group or others: run chmod go-w on it");
  return Ok{};
}
}  // namespace

Result<std::unique_ptr<VolumeDirectory>> VolumeDirectory::open(const std::filesystem::path& path) {
  auto checked = TRY(checked_path(path));
  struct stat status {};
  if (::lstat(checked.c_str(), &status) != 0) {
    if (errno != ENOENT) return system_error(errno, "look at the volumes' directory " + checked);
    TRY(make_with_parents(checked));
  } else {
    TRY(check_directory(checked, status));  // before opening, for a better message
  }
  FileDescriptor fd{::open(checked.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!fd.is_open() || ::fstat(fd.get(), &status) != 0) return system_error(errno, "open the volumes' directory " + checked);
  TRY(check_directory(checked, status));
  return std::unique_ptr<VolumeDirectory>(new VolumeDirectory(std::move(checked), std::move(fd)));
}

Result<VolumeFile> VolumeDirectory::open_volume(const std::string& name, Access access) const {
  TRY(check_volume_name(name));
  const auto file = file_of(name);
  VolumeFile volume;
  // Checked before it is opened: opening a device or a pipe can have side effects.
  if (::fstatat(fd(), file.c_str(), &volume.status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) return system_error(errno, "look at " + path_of(name));
    return no_effect(Code::NotFound, "volume '" + name + "' does not exist: no such file: " + path_of(name));
  }
  if (S_ISREG(volume.status.st_mode)) {
    const int mode = access == Access::ReadWrite ? O_RDWR : O_RDONLY;
    volume.fd = FileDescriptor{::openat(fd(), file.c_str(), mode | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    if (!volume.fd.is_open() || ::fstat(volume.fd.get(), &volume.status) != 0) {
      return system_error(errno, "open " + path_of(name) + (access == Access::ReadWrite ? " for writing" : ""));
    }
  }
  if (S_ISREG(volume.status.st_mode)) return volume;
  return refused(path_of(name) + " is " + kind_of(volume.status.st_mode) +
                 ", not a regular file, so it is not a volume: remove it");
}

Result<std::optional<FileId>> VolumeDirectory::id_by_path(const std::string& name) const {
  struct stat status {};
  if (::lstat(path_of(name).c_str(), &status) == 0) return std::optional{id_of(status)};
  if (errno == ENOENT) return std::optional<FileId>{};
  return system_error(errno, "look at " + path_of(name));
}

std::optional<std::string> VolumeDirectory::volume_of(std::string_view file) {
  if (!file.ends_with(kSuffix)) return std::nullopt;
  file.remove_suffix(kSuffix.size());
  if (!check_volume_name(file).ok()) return std::nullopt;
  return std::string{file};
}

}  // namespace blockplug::local
