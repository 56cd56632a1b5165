// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/storage_daemon/fuse_connection.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "hotplug/host/file_descriptor.h"

namespace blockplug::fuse {
namespace {
constexpr std::string_view kOne = "1";

Error failed(int error, const std::string& number) {
  return no_effect(Code::Unavailable,
                   "cannot limit the FUSE mount " + number + " to one request at a time: " + std::strerror(error));
}

// A mount of our own that has no path: fusectl need not be mounted on this host.
FileDescriptor control_file_system() {
  const FileDescriptor context{::fsopen("fusectl", FSOPEN_CLOEXEC)};
  if (!context.is_open() || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return {};
  return FileDescriptor{::fsmount(context.get(), FSMOUNT_CLOEXEC, 0)};
}

// The connection of device "0:53" is the directory "53".
Result<FileDescriptor> open_limit(const std::string& number, int mode) {
  const auto name = number.substr(number.find(':') + 1) + "/max_background";
  FileDescriptor limit{::open(("/sys/fs/fuse/connections/" + name).c_str(), mode | O_CLOEXEC)};
  if (limit.is_open()) return limit;
  const auto files = control_file_system();
  if (!files.is_open()) return failed(errno, number);
  limit = FileDescriptor{::openat(files.get(), name.c_str(), mode | O_CLOEXEC)};
  if (!limit.is_open()) return failed(errno, number);
  return limit;
}
}  // namespace

Status allow_one_at_a_time(const std::string& number) {
  const auto limit = TRY(open_limit(number, O_WRONLY));
  if (::write(limit.get(), kOne.data(), kOne.size()) == static_cast<ssize_t>(kOne.size())) return Ok{};
  return failed(errno, number);
}

Result<bool> is_one_at_a_time(const std::string& number) {
  const auto limit = TRY(open_limit(number, O_RDONLY));
  char text[16];
  const auto got = ::read(limit.get(), text, sizeof text);
  if (got < 0) return failed(errno, number);
  return std::string_view(text, static_cast<std::size_t>(got)) == "1\n";
}

}  // namespace blockplug::fuse
