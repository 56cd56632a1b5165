// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "attach-detach/number.h"
#include "hotplug/host/mount/device.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/place.h"
#include "hotplug/host/mount/verbs.h"
#include "hotplug/host/text_file.h"

namespace blockplug::mount {
namespace {
constexpr std::int64_t kSectorBytes = 512;  // of /sys/dev/block/*/size, whatever the device's are

// A bound node: the device's size.
Result<Facts> size_of_device(const std::string& path, const std::string& number) {
  const auto sectors = number_from<std::int64_t>(first_line_of("/sys/dev/block/" + number + "/size"));
  if (!sectors) return no_effect(Code::NotFound, path + ": device " + number + " is gone");
  return Facts{{"total_bytes", std::to_string(*sectors * kSectorBytes)}};
}

Result<Facts> fill_of(const Place& place) {
  const auto mounted = place.open();
  if (!mounted.is_open()) return system_refused("open " + place.path(), errno);
  struct statvfs now {};
  if (::fstatvfs(mounted.get(), &now) != 0) return system_refused("read the usage of " + place.path(), errno);
  const auto bytes = [&](fsblkcnt_t blocks) { return std::to_string(static_cast<std::int64_t>(blocks * now.f_frsize)); };
  return Facts{{"filesystem", "true"},
               {"total_bytes", bytes(now.f_blocks)},
               {"used_bytes", bytes(now.f_blocks - now.f_bfree)},
               {"available_bytes", bytes(now.f_bavail)},
               {"total_inodes", std::to_string(now.f_files)},
               {"used_inodes", std::to_string(now.f_files - now.f_ffree)},
               {"available_inodes", std::to_string(now.f_favail)}};
}
}  // namespace

Result<Facts> usage_verb(const Facts& arguments) {
  const auto path = fact(arguments, "path"), number = fact(arguments, "number");
  const auto there = find_at(TRY(all_mounts()), path);
  if (!there) return no_effect(Code::NotFound, "nothing is mounted on " + path);
  const auto place = TRY(Place::find(path));
  if (is_filesystem_of(*there, number)) return fill_of(place);
  const auto node = place.open();
  struct stat status {};
  if (node.is_open() && ::fstat(node.get(), &status) == 0 && S_ISBLK(status.st_mode) &&
      number_text(major(status.st_rdev), minor(status.st_rdev)) == number)
    return size_of_device(path, number);
  return no_effect(Code::NotFound, path + " has " + there->source + " (" + there->filesystem + ") mounted over the volume");
}

}  // namespace blockplug::mount
