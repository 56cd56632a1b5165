// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "hotplug/host/file_descriptor.h"
#include "volume-plugin/doctor/checks.h"
#include "volume-plugin/doctor/system.h"

namespace blockplug::doctor {
namespace {
constexpr unsigned kMisc = 10;  // the major number; the minors are in the kernel's linux/miscdevice.h
struct Driver {
  const char *path, *sysfs, *module;
  unsigned minor;
};
constexpr Driver kLoop{"/dev/loop-control", "/sys/class/misc/loop-control", "loop", 237};
constexpr Driver kFuse{"/dev/fuse", "/sys/class/misc/fuse", "fuse", 229};

// What is wrong with a device node and how to fix it; both empty where it can be opened.
struct Fault {
  std::string found, remedy;
};

std::string way_to_a_driver(const std::string& root, const Driver& driver) {
  const std::string node = driver.path;
  if (exists(root + driver.sysfs))
    return "the kernel has the device, but /dev has no node: mount -t devtmpfs devtmpfs /dev; in a container: --device " + node;
  if (has_module(root, driver.module))
    return std::string("modprobe ") + driver.module + " (to load it at boot, add it to /etc/modules-load.d/blockplug.conf)";
  return kBootAKernelThatHasIt;
}

Fault try_to_open(const std::string& root, const Driver& driver) {
  const std::string node = driver.path;
  const FileDescriptor device(::open((root + node).c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!device.is_open()) {
    const int error = errno;
    if (error == EPERM || error == EACCES)
      return {node + ": permission denied", "run as root; in a container: --device " + node + " or --privileged"};
    return {node + ": " + std::strerror(error), way_to_a_driver(root, driver)};
  }
  struct stat found {};
  if (::fstat(device.get(), &found) != 0 || !S_ISCHR(found.st_mode) || found.st_rdev != makedev(kMisc, driver.minor))
    return {node + " is another device or file", "rm " + node + " && mknod " + node + " c 10 " + std::to_string(driver.minor)};
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
    check.found = "available as a module; loaded when needed";
  } else {
    check.state = State::Limited;
    check.found = "this kernel has no rbd, built in or as a module: the mapper fuse is used";
    check.remedy = kBootAKernelThatHasIt;
  }
  return check;
}

}  // namespace blockplug::doctor
