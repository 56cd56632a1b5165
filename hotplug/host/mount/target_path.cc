// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/target_path.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>

#include "attach-detach/printable.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/place.h"

namespace blockplug::mount {
namespace {
namespace files = std::filesystem;

Error invalid(const std::string& path, const std::string& why) {
  return no_effect(Code::InvalidArgument, "path '" + printable(path) + "' " + why);
}

Error refused(const std::string& path, const std::string& why) { return no_effect(Code::FailedPrecondition, path + " " + why); }

Error failed(const std::string& what, int error) {
  const auto code = error == ENOENT                                        ? Code::NotFound
                    : error == EACCES || error == EPERM                    ? Code::PermissionDenied
                    : error == ENOSPC || error == EDQUOT                   ? Code::ResourceExhausted
                    : error == EROFS || error == ENOTDIR || error == ELOOP ? Code::FailedPrecondition
                                                                           : Code::Unavailable;
  return no_effect(code, "cannot " + what + ": " + std::generic_category().message(error));
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::optional<std::string> is_in_kernel_directory(const std::string& path) {
  for (const std::string directory : {"/proc", "/sys", "/dev"})
    if (path == directory || path.starts_with(directory + "/")) return directory;
  return std::nullopt;
}

// nullopt: missing.
Result<std::optional<struct stat>> look_at(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return std::optional{status};
  if (errno == ENOENT) return std::optional<struct stat>{};
  return failed("look at " + path, errno);
}

// Directories that we create get an extended attribute, so that they can be removed with the last mount, also after a restart. If
// the file system does not support that, they stay.
constexpr const char* kMark = "trusted.blockplug.made";

constexpr char kMarkValue = '1';

bool is_marked(const Place& place) {
  char value = 0;
  return ::lgetxattr(place.through_proc().c_str(), kMark, &value, sizeof value) == 1 && value == kMarkValue;
}

Status check_directory(const Place& place, const struct stat& status);
Status check_file(const std::string& path, const struct stat& status);
bool remove_one(const std::string& path, bool is_target);
Status make_one(const Place& place, bool is_file, mode_t mode);
Result<FileDescriptor> make_all(const std::string& path, Shape shape, Parents parents);
}  // namespace

Status check_path(const std::string& path) {
  constexpr std::size_t kLongest = 4000;
  if (path.empty() || path.front() != '/') return invalid(path, "is not absolute: it must begin with '/'");
  if (path.size() > kLongest) return invalid(path, "is longer than 4,000 bytes");
  const auto is_control = [](char character) { return static_cast<unsigned char>(character) < 0x20 || character == 0x7f; };
  if (std::ranges::any_of(path, is_control)) return invalid(path, "contains a control character");
  if (path == "/") return invalid(path, "is this host's root directory: use another path");
  if (path.back() == '/') return invalid(path, "ends with a slash: remove it");
  const auto framed = path + "/";
  for (const char* part : {"//", "/./", "/../"})
    if (framed.find(part) != std::string::npos)
      return invalid(path, std::string("contains '") + part + "': give the path without it");
  if (const auto directory = is_in_kernel_directory(path))
    return invalid(path, "is in " + *directory + ", a kernel file system: use another path");
  return Ok{};
}

Result<std::string> resolve(const std::string& path) {
  auto existing = parent_of(path);
  std::string missing = path.substr(existing == "/" ? 0 : existing.size());
  while (true) {
    char real[PATH_MAX];
    if (::realpath(existing.c_str(), real) != nullptr) {
      const auto resolved = (std::string(real) == "/" ? "" : std::string(real)) + missing;
      if (const auto directory = is_in_kernel_directory(resolved))
        return invalid(path, "leads into " + *directory + ": use another path");
      return resolved;
    }
    if (errno != ENOENT || existing == "/") return failed("resolve " + path, errno);
    // A dangling symbolic link is not a missing directory.
    if (TRY(look_at(existing))) return refused(existing, "is a dangling symbolic link: remove it, or create its target");
    missing = existing.substr(parent_of(existing) == "/" ? 0 : parent_of(existing).size()) + missing;
    existing = parent_of(existing);
  }
}

Status check_target(const std::string& path, Shape shape) {
  // The mount table first: a dead file system must not be accessed.
  if (const auto there = find_at(TRY(all_mounts()), path))
    return refused(path, "has " + there->source + " (" + there->filesystem + ") mounted on it: use another path, or unmount it");
  const auto place = Place::find(path);
  if (!place.ok()) return place.error().code == Code::NotFound && shape == Shape::Directory ? Status{Ok{}} : place.error();
  struct stat status {};
  if (::fstatat(place->directory(), place->name().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Status{Ok{}} : failed("look at " + path, errno);
  if (S_ISLNK(status.st_mode)) return refused(path, "is a symbolic link: use its target instead");
  return shape == Shape::Directory ? check_directory(*place, status) : check_file(path, status);
}

bool is_made_by_us(const std::string& path) {
  const auto place = Place::find(path);
  return place.ok() && is_marked(*place);
}

// Another unmount may remove a parent directory while we create ours in it: then try once more.
Result<FileDescriptor> make_target(const std::string& path, Shape shape, Parents parents) {
  constexpr int kMostTimes = 8;
  for (int times = 0;; ++times) {
    auto made = make_all(path, shape, parents);
    if (made.ok()) return made;
    const bool is_gone_again = made.error().code == Code::NotFound;
    if (is_gone_again && times < kMostTimes) continue;
    if (is_gone_again) made.error().code = Code::Unavailable;
    remove_target(parent_of(path));
    return made;
  }
}

void remove_target(const std::string& path) {
  for (auto each = path; each != "/" && remove_one(each, each == path); each = parent_of(each)) continue;
}

namespace {

Status check_directory(const Place& place, const struct stat& status) {
  const auto& path = place.path();
  if (!S_ISDIR(status.st_mode))
    return refused(path, "is a file, but the mount point must be a directory: use another path, or remove it");
  const auto target = place.open(O_DIRECTORY);
  if (!target.is_open()) return failed("open " + path, errno);
  std::error_code problem;
  const bool is_empty = files::is_empty(through_proc(target.get()), problem);
  if (problem) return failed("list " + path, problem.value());
  if (!is_empty) return refused(path, "is not empty: a mount would hide its contents; use another path, or empty it");
  return Ok{};
}

Status check_file(const std::string& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode))
    return refused(path, "is a directory, but a raw block device needs a file: use another path, or remove it");
  if (!S_ISREG(status.st_mode)) return refused(path, "is not a regular file: use another path, or remove it");
  if (status.st_size != 0) return refused(path, "is not empty: the device would hide its contents; use another path, or remove it");
  return Ok{};
}

// The target is accessible only to root: if its mount is missing one day, nothing is written below it.
Result<FileDescriptor> make_all(const std::string& path, Shape shape, Parents parents) {
  const mode_t mode = parents == Parents::Private ? 0700 : 0755;
  for (auto end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
    const auto parent = TRY(Place::find(path.substr(0, end)));
    TRY(make_one(parent, false, mode));
  }
  const auto place = TRY(Place::find(path));
  TRY(make_one(place, shape == Shape::BlockDevice, 0));
  auto target = place.open(shape == Shape::Directory ? O_DIRECTORY : 0);
  if (!target.is_open()) return failed("open " + path, errno);
  return target;
}

Status make_one(const Place& place, bool is_file, mode_t mode) {
  const auto* name = place.name().c_str();
  struct stat status {};
  if (::fstatat(place.directory(), name, &status, AT_SYMLINK_NOFOLLOW) == 0) return Ok{};
  const int made = is_file ? ::mknodat(place.directory(), name, S_IFREG | mode, 0) : ::mkdirat(place.directory(), name, mode);
  if (made != 0 && errno != EEXIST) return failed("create " + place.path(), errno);
  if (made == 0) ::lsetxattr(place.through_proc().c_str(), kMark, &kMarkValue, sizeof kMarkValue, 0);
  return Ok{};
}

// Is the next one above to be tried? Removes only the file that a device was bound to, if it is still empty.
bool remove_one(const std::string& path, bool is_target) {
  const auto place = Place::find(path);
  if (!place.ok()) return place.error().code == Code::NotFound;
  struct stat status {};
  if (::fstatat(place->directory(), place->name().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
  if (S_ISREG(status.st_mode) && (!is_target || status.st_size != 0)) return false;
  if (!is_marked(*place)) return false;
  return ::unlinkat(place->directory(), place->name().c_str(), S_ISREG(status.st_mode) ? 0 : AT_REMOVEDIR) == 0 || errno == ENOENT;
}

}  // namespace

}  // namespace blockplug::mount
