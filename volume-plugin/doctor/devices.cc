// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "volume-plugin/doctor/checks.h"
#include "volume-plugin/doctor/system.h"
#include "volume-plugin/local/descriptor.h"

namespace blockplug::doctor {
namespace {
constexpr unsigned kMisc = 10;  // the major number; the minors are in the kernel's linux/miscdevice.h
struct Driver {
  const char *path, *sysfs, *module;
  unsigned minor;
};
constexpr Driver kLoop{"/dev/loop-control", "/sys/class/misc/loop-control", "loop", 237};
constexpr Driver kFuse{"/dev/fuse", "/sys/class/misc/fuse", "fuse", 229};

// What is wrong with a device's node and what to do; both empty where it can be opened.
struct Fault {
  std::string found, remedy;
};

std::string way_to_a_driver(const std::string& root, const Driver& driver) {
  const std::string node = driver.path;
  if (exists(root + driver.sysfs))
    return "the kernel has it, /dev has not: mount -t devtmpfs devtmpfs /dev; a container: --device " + node;
  if (has_module(root, driver.module))
    return std::string("modprobe ") + driver.module + " (at each boot: a line in /etc/modules-load.d/blockplug.conf)";
  return kBootAKernelThatHasIt;
}

Fault try_to_open(const std::string& root, const Driver& driver) {
  const std::string node = driver.path;
  const local::Descriptor device(::open((root + node).c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!device.is_open()) {
    const int error = errno;
    if (error == EPERM || error == EACCES)
      return {node + " may not be opened", "run as root; a container: --device " + node + " or --privileged"};
    return {node + ": " + std::strerror(error), way_to_a_driver(root, driver)};
  }
  struct stat found {};
  if (::fstat(device.get(), &found) != 0 || !S_ISCHR(found.st_mode) || found.st_rdev != makedev(kMisc, driver.minor))
    return {node + " is something else", "rm " + node + " && mknod " + node + " c 10 " + std::to_string(driver.minor)};
  return {};
}

std::size_t loop_devices(const std::string& root) {
  std::size_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(root + "/sys/block", error), end; !error && entry != end; entry.increment(error))
    if (entry->path().filename().string().starts_with("loop")) ++count;
  return count;
}
}  // namespace

Check check_loop(const Subject& subject) {
  Check check{"loop devices", State::Ok, {}, {}, "local volumes on host paths"};
  const auto fault = try_to_open(subject.root, kLoop);
  if (fault.found.empty()) {
    const auto count = loop_devices(subject.root);
    check.found = std::string(kLoop.path) + ", " + std::to_string(count) + " device" + plural(count);
    return check;
  }
  check.state = State::Missing;
  check.found = fault.found;
  check.remedy = fault.remedy;
  return check;
}

Check check_fuse(const Subject& subject) {
  Check check{"fuse", State::Ok, kFuse.path, {}, "Ceph volumes on host paths without krbd"};
  const auto fault = try_to_open(subject.root, kFuse);
  if (fault.found.empty()) return check;
  check.state = State::Limited;
  check.found = fault.found;
  check.remedy = fault.remedy;
  return check;
}

Check check_krbd(const Subject& subject) {
  Check check{"krbd", State::Ok, {}, {}, "Ceph volumes on host paths, mapped by the kernel"};
  if (exists(subject.root + "/sys/bus/rbd")) {
    check.found = "/sys/bus/rbd";
  } else if (has_module(subject.root, "rbd")) {
    check.found = "a module; it is loaded when needed";
  } else {
    check.state = State::Limited;
    check.found = "this kernel has neither rbd nor a module of it: fuse is used";
    check.remedy = kBootAKernelThatHasIt;
  }
  return check;
}

}  // namespace blockplug::doctor
