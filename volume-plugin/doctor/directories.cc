// SPDX-License-Identifier: Apache-2.0
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <cstdint>
#include <filesystem>

#include "volume-plugin/doctor/checks.h"
#include "volume-plugin/doctor/system.h"

namespace blockplug::doctor {
namespace {
constexpr std::uint64_t kMiB = 1 << 20, kGiB = kMiB << 10;
constexpr std::uint64_t kTooLittle = 16 * kMiB, kLittle = 64 * kMiB;

struct Room {
  std::string directory;  // that exists
  std::uint64_t free_bytes{};
  bool is_directory{}, is_read_only{}, is_memory{};
};

Room look_at(const std::string& directory) {
  Room room{.directory = lowest_existing(directory)};
  struct statvfs space {};
  struct statfs kind {};
  std::error_code error;
  room.is_directory = std::filesystem::is_directory(room.directory, error);
  if (::statvfs(room.directory.c_str(), &space) != 0 || ::statfs(room.directory.c_str(), &kind) != 0) return room;
  room.free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  room.is_read_only = (space.f_flag & ST_RDONLY) != 0;
  room.is_memory = kind.f_type == TMPFS_MAGIC || kind.f_type == RAMFS_MAGIC;
  return room;
}

std::string about(std::uint64_t bytes) {
  return bytes < 10 * kGiB ? std::to_string(bytes / kMiB) + " MiB" : std::to_string(bytes / kGiB) + " GiB";
}

// Why the directory is not writable; empty: it is.
std::string fault_of(const Room& room) {
  if (!room.is_directory) return room.directory + " is not a directory";
  return room.is_read_only ? room.directory + " is on a file system that is mounted read-only" : std::string{};
}
}  // namespace

Check check_state_dir(const Subject& subject) {
  const auto& path = subject.state_dir;
  const auto room = look_at(path);
  Check check{"state directory", State::Missing, fault_of(room), "set state_dir to a directory on a disk", "everything"};
  if (!check.found.empty()) return check;
  check.found = path + ": " + about(room.free_bytes) + " free";
  if (room.is_memory) check.found += "; it is on a tmpfs: a reboot loses the state";
  if (room.free_bytes >= kTooLittle) check.state = room.free_bytes < kLittle || room.is_memory ? State::Limited : State::Ok;
  if (room.free_bytes < kLittle && !room.is_memory)
    check.remedy = "free some space there (df " + room.directory + "), or set state_dir to another disk";
  if (check.state == State::Ok) check.remedy.clear();
  return check;
}

Check check_run_dir(const Subject& subject) {
  Check check{"run directory", State::Ok, subject.run_dir, {}, "everything"};
  const auto fault = fault_of(look_at(subject.run_dir));
  if (fault.empty()) return check;
  check.state = State::Missing;
  check.found = fault;
  check.remedy = "set run_dir to a writable directory, such as /run/blockplug";
  return check;
}

}  // namespace blockplug::doctor
