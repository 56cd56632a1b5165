// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>

#include <cerrno>
#include <sstream>
#include <utility>
#include <vector>

#include "volume-plugin/doctor/checks.h"
#include "volume-plugin/doctor/system.h"

namespace blockplug::doctor {
namespace {
// "nodev\ttmpfs\n\text4\n"
bool is_known(const std::string& root, const std::string& filesystem) {
  std::istringstream known(text_of(root + "/proc/filesystems"));
  for (std::string word; known >> word;)
    if (word == filesystem) return true;
  return false;
}

Check check_driver(const Subject& subject, const std::string& filesystem, State if_absent, const char* needed_for) {
  Check check{filesystem + " in the kernel", State::Ok, {}, {}, needed_for};
  if (is_known(subject.root, filesystem)) {
    check.found = "built in or loaded";
  } else if (has_module(subject.root, filesystem)) {
    check.found = "available as a module; loaded when needed";
  } else {
    check.state = if_absent;
    check.found = "this kernel has no " + filesystem + ", built in or as a module";
    check.remedy = kBootAKernelThatHasIt;
  }
  return check;
}
}  // namespace

Check check_mount_calls(const Subject& subject) {
  const std::pair<const char*, long> calls[] = {
      {"open_tree", SYS_open_tree}, {"move_mount", SYS_move_mount}, {"mount_setattr", SYS_mount_setattr}};
  Check check{"mount calls", State::Ok, {}, {}, "volumes on host paths"};
  std::vector<std::string> there, absent, barred;
  for (const auto& [name, number] : calls) {
    const auto error = subject.errno_of_call(number);
    (error == ENOSYS ? absent : error == EPERM ? barred : there).emplace_back(name);
  }
  if (!absent.empty()) {
    check.found = "this kernel has no " + joined(absent);
    check.remedy = "boot Linux 5.12 or newer (Debian 12 has 6.1); in a container, check whether its seccomp profile hides them";
  } else if (!barred.empty()) {
    check.found = "not allowed: " + joined(barred);
    check.remedy = "run as root; in a container: --privileged, or a seccomp profile that allows them";
  } else {
    check.found = joined(there);
    return check;
  }
  check.state = State::Missing;
  return check;
}

Check check_ext4_driver(const Subject& subject) {
  return check_driver(subject, "ext4", State::Missing, "volumes with ext4 on host paths");
}

Check check_xfs_driver(const Subject& subject) {
  return check_driver(subject, "xfs", State::Limited, "volumes with xfs on host paths");
}

Check check_udev(const Subject& subject) {
  Check check{"udevd", State::Ok, "running", {}, "events of devices that are removed or change"};
  if (exists(subject.root + "/run/udev/control")) return check;
  check.state = State::Limited;
  check.found = "not running: the kernel's own events are used";
  check.remedy = "apt install udev, then systemctl start systemd-udevd; not needed in a container";
  return check;
}

}  // namespace blockplug::doctor
