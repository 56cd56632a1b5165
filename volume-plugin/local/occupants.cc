// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/occupants.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>

#include "volume-plugin/local/descriptor.h"
#include "volume-plugin/printable.h"
#include "volume-plugin/local/system_error.h"

namespace blockplug::local {
namespace {
namespace fs = std::filesystem;

// The names in a directory of /proc or /sys; none where it is gone or not for us to see.
std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code problem;
  for (fs::directory_iterator entry{directory, problem}, end; !problem && entry != end; entry.increment(problem)) {
    names.push_back(entry->path().filename().native());
  }
  return names;
}

std::string first_line_of(const fs::path& path) {
  std::ifstream file{path};
  std::string line;
  std::getline(file, line);
  return line;
}

bool is_number(const std::string& name) { return name.find_first_not_of("0123456789") == std::string::npos; }

// AT_STATX_DONT_SYNC: a descriptor on a dead network or FUSE mount must not hang us.
bool is_descriptor_of(const fs::path& descriptor, const FileId& file) {
  struct statx status {};
  if (::statx(AT_FDCWD, descriptor.c_str(), AT_STATX_DONT_SYNC, STATX_INO, &status) != 0) return false;
  return status.stx_ino == file.inode && makedev(status.stx_dev_major, status.stx_dev_minor) == file.device;
}

// "lock:	1: OFDLCK  ADVISORY  READ -1 fe:00:1234 100 100", the end may be "EOF" (proc(5), kernel fs/locks.c).
std::optional<ByteRange> locked_bytes_in(const std::string& line) {
  std::istringstream words{line};
  std::string label, number, type, advisory, mode, pid, file, first, last;
  if (!(words >> label >> number >> type >> advisory >> mode >> pid >> file >> first >> last) || label != "lock:")
    return std::nullopt;
  if (!is_number(first)) return std::nullopt;
  return ByteRange{std::stoll(first), is_number(last) ? std::stoll(last) : INT64_MAX};
}

bool shows_lock_on(const fs::path& descriptor_info, std::span<const ByteRange> bytes) {
  std::ifstream info{descriptor_info};
  for (std::string line; std::getline(info, line);) {
    const auto locked = locked_bytes_in(line);
    if (locked &&
        std::ranges::any_of(bytes, [&](auto range) { return locked->first <= range.last && range.first <= locked->last; })) {
      return true;
    }
  }
  return false;
}

bool is_locking(const fs::path& process, const FileId& file, std::span<const ByteRange> bytes) {
  return std::ranges::any_of(names_in(process / "fd"), [&](const std::string& number) {
    return is_descriptor_of(process / "fd" / number, file) && shows_lock_on(process / "fdinfo" / number, bytes);
  });
}

// Which file a loop device is over; nullopt: none (any more). ENOENT is a device without a node in our /dev.
Result<std::optional<FileId>> file_under(const std::string& name, const fs::path& backing_file) {
  const Descriptor device{::open(("/dev/" + name).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  struct loop_info64 info {};
  if (device.is_open() && ::ioctl(device.get(), LOOP_GET_STATUS64, &info) == 0) {
    return std::optional{FileId{static_cast<dev_t>(info.lo_device), static_cast<ino_t>(info.lo_inode)}};
  }
  const int error = errno;
  if (error == ENXIO) return std::optional<FileId>{};
  if (error != ENOENT) return system_error(error, "ask /dev/" + name + " for its file");
  struct stat status {};
  if (::stat(first_line_of(backing_file).c_str(), &status) != 0) return std::optional<FileId>{};
  return std::optional{id_of(status)};
}
}  // namespace

std::vector<Process> processes_locking(const FileId& file, std::span<const ByteRange> bytes) {
  std::vector<Process> found;
  for (const auto& name : names_in("/proc")) {
    const auto process = fs::path{"/proc"} / name;
    if (is_number(name) && is_locking(process, file, bytes)) {
      found.push_back({static_cast<pid_t>(std::stol(name)), printable(first_line_of(process / "comm"))});
    }
  }
  std::ranges::sort(found, {}, &Process::pid);
  return found;
}

Result<std::vector<LoopDevice>> loops_over(const FileId& file) {
  std::vector<LoopDevice> found;
  for (const auto& name : names_in("/sys/block")) {
    const auto system = fs::path{"/sys/block"} / name;
    const auto backing_file = system / "loop/backing_file";  // there only while the device has a file
    std::error_code problem;
    if (!name.starts_with("loop") || !fs::exists(backing_file, problem)) continue;
    if (TRY(file_under(name, backing_file)) != std::optional{file}) continue;
    found.push_back({"/dev/" + name, first_line_of(system / "ro") == "1" ? Access::ReadOnly : Access::ReadWrite});
  }
  return found;
}

}  // namespace blockplug::local
