// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/own_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "hotplug/host/file_descriptor.h"

namespace blockplug {
namespace {
constexpr mode_t kOthersRights = S_IRWXG | S_IRWXO, kOthersWrite = S_IWGRP | S_IWOTH;

std::string octal(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode & 07777U);
  return text.data();
}

Error failed(const std::string& what, int error) {
  return no_effect(error == ENOTDIR || error == ELOOP ? Code::FailedPrecondition : Code::PermissionDenied,
                   "cannot be " + what + ": " + std::generic_category().message(error));
}

Result<struct stat> status_of(const FileDescriptor& directory) {
  struct stat status {};
  if (!directory.is_open() || ::fstat(directory.get(), &status) != 0) return failed("opened", errno);
  if (status.st_uid == ::geteuid()) return status;
  return no_effect(Code::FailedPrecondition, "belongs to user " + std::to_string(status.st_uid) +
                                                 ", who could change what is in it, and not to this daemon's user " +
                                                 std::to_string(::geteuid()) + ": look at what is in it, then run `chown " +
                                                 std::to_string(::geteuid()) + "` on it, or configure another directory");
}
}  // namespace

Status check_only_we_write(const std::string& directory) {
  const FileDescriptor opened{::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  const auto status = TRY(status_of(opened));
  if ((status.st_mode & kOthersWrite) == 0) return Ok{};
  return no_effect(Code::FailedPrecondition, "has mode " + octal(status.st_mode) +
                                                 ", so other users can change what is in it: look at what is in it, then run "
                                                 "`chmod go-w` on it, or configure another directory");
}

Status close_to_others(const std::string& directory) {
  const FileDescriptor opened{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!opened.is_open() && errno == ENOENT) return Ok{};
  const auto status = TRY(status_of(opened));
  if ((status.st_mode & kOthersRights) == 0) return Ok{};
  return ::fchmod(opened.get(), status.st_mode & S_IRWXU) == 0 ? Status{Ok{}} : failed("closed to other users", errno);
}

Status make_private_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), S_IRWXU) != 0 && errno != EEXIST) return failed("created", errno);
  return close_to_others(directory);
}

}  // namespace blockplug
