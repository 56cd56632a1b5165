// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/occupants.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "hotplug/host/process/processes.h"

namespace blockplug::local {
namespace {
namespace fs = std::filesystem;

bool is_number(const std::string& name) { return name.find_first_not_of("0123456789") == std::string::npos; }

// AT_STATX_DONT_SYNC: a descriptor on a dead network or FUSE mount must not block the daemon.
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
}  // namespace

std::vector<Process> processes_locking(const FileId& file, std::span<const ByteRange> bytes) {
  std::vector<Process> found;
  for (const auto& process : running_processes())
    if (is_locking(process, file, bytes)) found.push_back({static_cast<pid_t>(std::stol(process.filename())), command_of(process)});
  std::ranges::sort(found, {}, &Process::pid);
  return found;
}

}  // namespace blockplug::local
