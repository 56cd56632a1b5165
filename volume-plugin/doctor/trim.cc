// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "volume-plugin/doctor/checks.h"
#include "volume-plugin/doctor/system.h"

namespace blockplug::doctor {
namespace {
constexpr off_t kHoleBytes = 64 << 10;
}  // namespace

// A TRIM of a guest or of a mounted file system becomes a hole in the volume's file.
Check check_trim(const std::string& backend, const std::string& directory) {
  const auto there = lowest_existing(directory);
  Check check{
      "trim, " + backend, State::Ok, there + " can punch holes into files", {}, "freeing deleted space of volumes of " + backend};
  const auto file = new_file_in(there);
  const bool has_hole = file.is_open() && ::ftruncate(file.get(), kHoleBytes) == 0 &&
                        ::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, kHoleBytes) == 0;
  if (has_hole) return check;
  const int error = errno;
  check.state = State::Limited;
  check.found = there + (file.is_open() ? " cannot punch holes into files: " : " cannot be tried: ") + std::strerror(error) +
                "; what is deleted in a volume is not freed there";
  check.remedy = "set backends." + backend + ".path to a directory on ext4, xfs or btrfs";
  return check;
}

}  // namespace blockplug::doctor
