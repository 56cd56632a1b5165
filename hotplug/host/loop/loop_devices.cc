// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/loop/loop_devices.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>

#include "attach-detach/number.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/helper/program.h"
#include "hotplug/host/text_file.h"
#include "hotplug/mountinfo.h"

namespace blockplug::loop {
namespace {
namespace fs = std::filesystem;

Error failed(int error, const std::string& what) {
  return no_effect(error == ENOENT ? Code::NotFound : Code::Unavailable, "cannot " + what + ": " + std::strerror(error));
}

Error refused(const std::string& why) { return no_effect(Code::FailedPrecondition, why); }

bool is_loop_name(std::string_view name) { return name.starts_with("loop") && number_from<unsigned>(name.substr(4)).has_value(); }

fs::path system_of(const std::string& name) { return fs::path{"/sys/block"} / name; }

// Exists only while the device has a file.
bool has_file(const std::string& name) {
  std::error_code problem;
  return fs::exists(system_of(name) / "loop/backing_file", problem);
}

LoopDevice from_system(const std::string& name) {
  const auto system = system_of(name);
  return {.path = "/dev/" + name,
          .number = first_line_of(system / "dev"),
          .file_device = {},
          .file_inode = {},
          .file = first_line_of(system / "loop/backing_file"),
          .mark = {},
          .access = first_line_of(system / "ro") == "1" ? Access::ReadOnly : Access::ReadWrite,
          .size_bytes = number_from<std::int64_t>(first_line_of(system / "size")).value_or(0) * 512,
          .is_leaving = first_line_of(system / "loop/autoclear") == "1",
          .is_direct = first_line_of(system / "loop/dio") == "1",
          .has_node = false};
}

// ENXIO: the device has no file. ENOENT: it has no node in our /dev, so the path from /sys is used.
// ENOTCONN: its file belongs to a dead FUSE process, so the device only returns errors, and its file can no longer be found out.
Result<std::optional<LoopDevice>> look_at(const std::string& name, bool skips_dead = false) {
  if (!has_file(name)) return std::optional<LoopDevice>{};
  auto device = from_system(name);
  const FileDescriptor fd{::open(device.path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  struct loop_info64 info {};
  if (fd.is_open() && ::ioctl(fd.get(), LOOP_GET_STATUS64, &info) == 0) {
    const auto* mark = reinterpret_cast<const char*>(info.lo_file_name);
    device.file_device = static_cast<dev_t>(info.lo_device);
    device.file_inode = static_cast<ino_t>(info.lo_inode);
    device.mark = std::string(mark, ::strnlen(mark, sizeof info.lo_file_name));
    device.has_node = true;
    return std::optional{std::move(device)};
  }
  const int error = errno;
  if (error == ENXIO || (skips_dead && error == ENOTCONN)) return std::optional<LoopDevice>{};
  if (error != ENOENT) return failed(error, "get the file of " + device.path);
  struct stat status {};
  if (::stat(device.file.c_str(), &status) != 0) return std::optional<LoopDevice>{};
  device.file_device = status.st_dev;
  device.file_inode = status.st_ino;
  return std::optional{std::move(device)};
}

// To get a loop device's file, the kernel asks the file's file system, which may be dead (a server, a FUSE process). So skip
// devices whose file is certainly on another file system. By path names only; of nested mounts the longest, then the newest.
bool lies_on_another_that_may_hang(const std::string& file, dev_t device, const std::vector<MountEntry>& mounts) {
  const MountEntry root;
  const auto* nearest = &root;
  for (const auto& mount : mounts) {
    const bool is_above = mount.path == "/" || file == mount.path || file.starts_with(mount.path + "/");
    if (is_above && mount.path.size() >= nearest->path.size()) nearest = &mount;
  }
  const std::string_view type = nearest->filesystem;
  const bool may_hang =
      type.starts_with("nfs") || type.starts_with("fuse") || type == "cifs" || type == "smb3" || type == "ceph" || type == "9p";
  return may_hang && nearest->number != std::to_string(major(device)) + ":" + std::to_string(minor(device));
}

std::string name_of(const std::string& path) { return path.starts_with("/dev/") ? path.substr(5) : path; }

struct DesiredMap {
  std::string file, mark;
  dev_t device{};
  ino_t inode{};
  Access access{};
  bool is_direct{};
};

Result<DesiredMap> desired_from(const Facts& arguments) {
  DesiredMap desired;
  desired.file = TRY(argument(arguments, "file"));
  desired.mark = TRY(argument(arguments, "mark"));
  const auto device = number_from<dev_t>(TRY(argument(arguments, "device")));
  const auto inode = number_from<ino_t>(TRY(argument(arguments, "inode")));
  const auto access = TRY(argument(arguments, "access")), direct = TRY(argument(arguments, "direct"));
  const bool is_known = (access == "ro" || access == "rw") && (direct == "true" || direct == "false");
  if (!device || !inode || !is_known || desired.mark.size() >= LO_NAME_SIZE)
    return no_effect(Code::InvalidArgument, "device, inode, access, direct or mark is not valid");
  desired.device = *device;
  desired.inode = *inode;
  desired.access = access == "ro" ? Access::ReadOnly : Access::ReadWrite;
  desired.is_direct = direct == "true";
  return desired;
}

Result<FileDescriptor> open_file(const DesiredMap& desired) {
  const int mode = desired.access == Access::ReadOnly ? O_RDONLY : O_RDWR;
  const int direct = desired.is_direct ? O_DIRECT : 0;
  FileDescriptor fd{::open(desired.file.c_str(), mode | direct | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  struct stat status {};
  if (!fd.is_open() || ::fstat(fd.get(), &status) != 0) return failed(errno, "open " + desired.file);
  if (status.st_dev == desired.device && status.st_ino == desired.inode && S_ISREG(status.st_mode)) return fd;
  return refused(desired.file + " is no longer the held file, it was replaced: detach the volume, or restore the file");
}

// Without udevd, or in a container with its own /dev, the node may be missing.
Result<FileDescriptor> open_device(const std::string& name, int mode) {
  const auto path = "/dev/" + name;
  FileDescriptor fd{::open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC)};
  if (fd.is_open() || errno != ENOENT) return fd.is_open() ? Result<FileDescriptor>{std::move(fd)} : failed(errno, "open " + path);
  unsigned major_number{}, minor_number{};
  const auto number = first_line_of(system_of(name) / "dev");
  if (std::sscanf(number.c_str(), "%u:%u", &major_number, &minor_number) != 2) return failed(ENOENT, "open " + path);
  if (::mknod(path.c_str(), S_IFBLK | 0600, makedev(major_number, minor_number)) != 0 && errno != EEXIST)
    return failed(errno, "create the device node " + path);
  fd = FileDescriptor{::open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC)};
  if (!fd.is_open()) return failed(errno, "open " + path);
  return fd;
}

Result<FileDescriptor> open_control() {
  FileDescriptor control{::open("/dev/loop-control", O_RDWR | O_CLOEXEC)};
  if (control.is_open()) return control;
  if (errno != ENOENT && errno != ENODEV && errno != ENXIO) return failed(errno, "open /dev/loop-control");
  return refused(
      "this host has no loop devices (no /dev/loop-control): run `modprobe loop`, and load it at boot with /etc/modules-load.d");
}

// The device, or nullopt: another process was faster.
Result<std::optional<LoopDevice>> configure(const std::string& name, int file, const DesiredMap& desired) {
  const auto device = TRY(open_device(name, desired.access == Access::ReadOnly ? O_RDONLY : O_RDWR));
  struct loop_config config {};
  config.fd = static_cast<__u32>(file);
  config.block_size = 512;
  if (desired.access == Access::ReadOnly) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
  if (desired.is_direct) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
  desired.mark.copy(reinterpret_cast<char*>(config.info.lo_file_name), LO_NAME_SIZE - 1);
  if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return at("/dev/" + name);
  if (errno == EBUSY) return std::optional<LoopDevice>{};
  if (errno == EINVAL || errno == ENOTTY)
    return failed(errno, "map " + desired.file + " on /dev/" + name + " (LOOP_CONFIGURE needs Linux 5.8)");
  return failed(errno, "map " + desired.file + " on /dev/" + name);
}

Facts facts_of(const LoopDevice& device) { return {{"device", device.path}, {"number", device.number}}; }

Result<Facts> map(const Facts& arguments) {
  const auto desired = TRY(desired_from(arguments));
  const auto file = TRY(open_file(desired));
  for (const auto& device : TRY(over(desired.device, desired.inode))) {
    if (device.mark != desired.mark) continue;
    if (device.access == desired.access) return facts_of(device);
    return refused(desired.file + " is mapped on " + device.path + " already, with another access mode: unmap that first");
  }
  const auto control = TRY(open_control());
  constexpr int kTries = 100;
  for (int tries = 0; tries < kTries; ++tries) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return failed(errno, "get a free loop device");
    if (const auto device = TRY(configure("loop" + std::to_string(number), file.get(), desired))) return facts_of(*device);
  }
  return no_effect(Code::Unavailable, "other processes took every free loop device a hundred times: try again");
}

Result<bool> is_of_mark(const std::string& path, const std::string& mark) {
  const auto device = TRY(at(path));
  return device && device->mark == mark;
}

// Is it gone within two seconds? Another process may have had it open briefly when it was detached.
Result<bool> is_gone_soon(const std::string& path, const std::string& mark) {
  for (int round = 0; round < 40; ++round) {
    if (!has_file(name_of(path)) || !TRY(is_of_mark(path, mark))) return true;
    ::poll(nullptr, 0, 50);
  }
  return false;
}

// A lazy detach would take effect with its last user: undo it, so that the device stays ours.
void keep_after_all(int device) {
  struct loop_info64 info {};
  if (::ioctl(device, LOOP_GET_STATUS64, &info) != 0) return;
  info.lo_flags &= ~static_cast<__u32>(LO_FLAGS_AUTOCLEAR);
  ::ioctl(device, LOOP_SET_STATUS64, &info);
}

// Since Linux 3.7 LOOP_CLR_FD succeeds on a device in use, and takes effect with its last user. So require that no file system and
// no other device is on it (O_EXCL), and undo the detach if the device does not go at once.
Result<Facts> unmap(const Facts& arguments) {
  const auto path = TRY(argument(arguments, "device")), mark = TRY(argument(arguments, "mark"));
  const auto before = TRY(at(path));
  if (!before || before->mark != mark) return Facts{};
  const auto in_use = refused(path + " is still in use: unmount or close what uses it");
  {
    const FileDescriptor alone{::open(path.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC)};
    if (!alone.is_open() && errno == EBUSY) return in_use;
    if (!alone.is_open()) return failed(errno, "open " + path);
    if (!TRY(is_of_mark(path, mark))) return Facts{};  // checked again, now that no other process can take it over
    if (::ioctl(alone.get(), LOOP_CLR_FD) != 0 && errno != ENXIO) return errno == EBUSY ? in_use : failed(errno, "detach " + path);
  }
  if (TRY(is_gone_soon(path, mark))) return Facts{};
  const FileDescriptor again{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  if (!TRY(is_of_mark(path, mark))) return Facts{};
  if (again.is_open() && !before->is_leaving) keep_after_all(again.get());
  return in_use;
}

Result<Facts> resize(const Facts& arguments) {
  const auto path = TRY(argument(arguments, "device")), mark = TRY(argument(arguments, "mark"));
  const FileDescriptor device{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  if (!device.is_open()) return failed(errno, "open " + path);
  if (!TRY(is_of_mark(path, mark))) return refused(path + " no longer belongs to this mapping; it will be mapped again");
  if (::ioctl(device.get(), LOOP_SET_CAPACITY) != 0) return failed(errno, "refresh the size of " + path);
  return Facts{{"size_bytes", std::to_string(from_system(name_of(path)).size_bytes)}};
}
}  // namespace

namespace {
Result<std::vector<LoopDevice>> look_at_all(const std::function<bool(const std::string& name)>& is_wanted) {
  std::vector<LoopDevice> found;
  std::error_code problem;
  for (fs::directory_iterator entry{"/sys/block", problem}, end; !problem && entry != end; entry.increment(problem)) {
    const auto name = entry->path().filename().native();
    if (!is_loop_name(name) || !is_wanted(name)) continue;
    if (auto device = TRY(look_at(name, true))) found.push_back(std::move(*device));
  }
  std::ranges::sort(found, {}, &LoopDevice::path);
  return found;
}

}  // namespace

Result<std::vector<LoopDevice>> all() {
  return look_at_all([](const std::string&) { return true; });
}

Result<std::vector<LoopDevice>> on(dev_t device) {
  const auto mounts = parse_mountinfo(text_of("/proc/self/mountinfo"));
  return look_at_all([&](const std::string& name) {
    return !lies_on_another_that_may_hang(first_line_of(system_of(name) / "loop/backing_file"), device, mounts);
  });
}

Result<std::vector<LoopDevice>> over(dev_t device, ino_t inode) {
  auto found = TRY(on(device));
  std::erase_if(found, [&](const auto& each) { return each.file_device != device || each.file_inode != inode; });
  return found;
}

Result<std::optional<LoopDevice>> at(const std::string& path) {
  const auto name = name_of(path);
  if (!is_loop_name(name)) return std::optional<LoopDevice>{};
  return look_at(name);
}

Verbs verbs() { return {{"loop-map", map}, {"loop-unmap", unmap}, {"loop-resize", resize}}; }

}  // namespace blockplug::loop
