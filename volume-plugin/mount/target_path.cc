// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/mount/target_path.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>

#include "volume-plugin/mount/mount_table.h"
#include "volume-plugin/printable.h"

namespace blockplug::mount {
namespace {
namespace files = std::filesystem;

Error invalid(const std::string& path, const std::string& why) {
  return no_effect(Code::InvalidArgument, "path '" + printable(path) + "' " + why);
}

Error refused(const std::string& path, const std::string& why) { return no_effect(Code::FailedPrecondition, path + " " + why); }

Error failed(const std::string& what, int error) {
  const auto code = error == EACCES || error == EPERM                      ? Code::PermissionDenied
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

Status check_directory(const std::string& path, const struct stat& status) {
  if (!S_ISDIR(status.st_mode))
    return refused(path, "is a file, and a directory is needed to mount on: choose another path, or remove it");
  std::error_code problem;
  const bool is_empty = files::is_empty(path, problem);
  if (problem) return failed("look into " + path, problem.value());
  if (!is_empty) return refused(path, "is not empty: a mount would hide what it holds; choose another path, or empty it");
  return Ok{};
}

Status check_file(const std::string& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode))
    return refused(path, "is a directory, and a raw block device needs a file: choose another path, or remove it");
  if (!S_ISREG(status.st_mode)) return refused(path, "is not an ordinary file: choose another path, or remove it");
  if (status.st_size != 0)
    return refused(path, "is not empty: a device would hide what it holds; choose another path, or remove it");
  return Ok{};
}
// What is made is marked where it lies, so that whoever takes the last mount away, in whatever life, knows it for ours. Where the
// file system keeps no such marks, what was made stays.
constexpr const char* kMark = "trusted.blockplug.made";
constexpr char kMarkValue = '1';

bool is_missing(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) != 0 && errno == ENOENT;
}

// Of files only the one that a device was bound to, and that is empty still.
bool is_ours_or_missing(const std::string& path, bool is_target) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT;
  if (S_ISREG(status.st_mode) && (!is_target || status.st_size != 0)) return false;
  return is_made_by_us(path);
}

int make_one(const std::string& path, bool is_file, mode_t mode) {
  const int made = is_file ? ::mknod(path.c_str(), S_IFREG | mode, 0) : ::mkdir(path.c_str(), mode);
  if (made != 0) return errno == EEXIST ? 0 : errno;
  ::lsetxattr(path.c_str(), kMark, &kMarkValue, sizeof kMarkValue, 0);
  return 0;
}

// The parents for anybody, the target itself for nobody (but root): where its mount is missing one day, nothing is written below.
int make_all(const std::string& path, Shape shape) {
  for (auto end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    if (const auto parent = path.substr(0, end); is_missing(parent))
      if (const int error = make_one(parent, false, 0755); error != 0) return error;
  return make_one(path, shape == Shape::BlockDevice, 0);
}
}  // namespace

Status check_path(const std::string& path) {
  constexpr std::size_t kLongest = 4000;
  if (path.empty() || path.front() != '/') return invalid(path, "is not absolute: it has to begin with '/'");
  if (path.size() > kLongest) return invalid(path, "is longer than 4,000 bytes");
  const auto is_control = [](char character) { return static_cast<unsigned char>(character) < 0x20 || character == 0x7f; };
  if (std::ranges::any_of(path, is_control)) return invalid(path, "holds a control character");
  if (path == "/") return invalid(path, "is the root of this host: nothing is mounted over it");
  if (path.back() == '/') return invalid(path, "ends with a slash: leave it out");
  const auto framed = path + "/";
  for (const char* part : {"//", "/./", "/../"})
    if (framed.find(part) != std::string::npos) return invalid(path, std::string("holds '") + part + "': say it without");
  if (const auto directory = is_in_kernel_directory(path))
    return invalid(path, "lies in " + *directory + ", which is the kernel's: choose another");
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
        return invalid(path, "leads into " + *directory + ": choose another");
      return resolved;
    }
    if (errno != ENOENT || existing == "/") return failed("find out where " + path + " leads", errno);
    // A symbolic link that leads nowhere is not a missing directory.
    if (TRY(look_at(existing)))
      return refused(existing, "is a symbolic link that leads nowhere: remove it, or make what it points to");
    missing = existing.substr(parent_of(existing) == "/" ? 0 : parent_of(existing).size()) + missing;
    existing = parent_of(existing);
  }
}

Status check_target(const std::string& path, Shape shape) {
  // First of all the mount table: a dead file system must not be looked at.
  if (const auto there = find_at(TRY(all_mounts()), path))
    return refused(
        path, "has " + there->source + " (" + there->filesystem + ") mounted on it already: choose another path, or unmount it");
  const auto status = TRY(look_at(path));
  if (!status) {
    if (shape == Shape::BlockDevice && !TRY(look_at(parent_of(path))))
      return no_effect(Code::NotFound, "there is no directory " + parent_of(path) + " to make " + path + " in: make it first");
    return Ok{};
  }
  if (S_ISLNK(status->st_mode)) return refused(path, "is a symbolic link: give the path that it leads to");
  return shape == Shape::Directory ? check_directory(path, *status) : check_file(path, *status);
}

bool is_made_by_us(const std::string& path) {
  char value = 0;
  return ::lgetxattr(path.c_str(), kMark, &value, sizeof value) == 1 && value == kMarkValue;
}

// Somebody's last mount may go, and a directory with it, while we make ours in it: then it is made once more.
Status make_target(const std::string& path, Shape shape) {
  constexpr int kMostTimes = 8;
  for (int times = 0;; ++times) {
    const int error = make_all(path, shape);
    if (error == 0) return Ok{};
    if (error == ENOENT && times < kMostTimes) continue;
    remove_target(parent_of(path));
    return failed("make " + path, error);
  }
}

void remove_target(const std::string& path) {
  for (auto each = path; each != "/" && is_ours_or_missing(each, each == path); each = parent_of(each)) {
    struct stat status {};
    if (::lstat(each.c_str(), &status) != 0) continue;
    const int removed = S_ISREG(status.st_mode) ? ::unlink(each.c_str()) : ::rmdir(each.c_str());
    if (removed != 0 && errno != ENOENT) return;
  }
}

}  // namespace blockplug::mount
