// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/doctor/subject.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace blockplug::doctor {

// The flags are the third argument of open_tree and mount_setattr, the fifth of move_mount; no kernel knows all of them.
int errno_of_bare_call(long number) {
  constexpr unsigned kNoSuchFlags = ~0U;
  errno = 0;
  ::syscall(number, -1, nullptr, kNoSuchFlags, nullptr, kNoSuchFlags);
  return errno;
}

std::string beside_this_program(const std::string& name) {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? name : (program.parent_path() / name).string();
}

std::string helper_of_the_daemon() {
  const std::filesystem::path beside = beside_this_program("blockplug-helper");
  const auto installed = beside.parent_path().parent_path() / "sbin" / beside.filename();
  std::error_code error;
  return !std::filesystem::exists(beside, error) && std::filesystem::exists(installed, error) ? installed : beside;
}

}  // namespace blockplug::doctor
