// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>

#include <cerrno>

#include "volume-plugin/mount/device.h"
#include "volume-plugin/mount/mount_table.h"
#include "volume-plugin/mount/target_path.h"
#include "volume-plugin/mount/users.h"
#include "volume-plugin/mount/verbs.h"

namespace blockplug::mount {
namespace {
struct Task {
  std::string path, number, device;
  bool is_ours(const Mount& mount) const { return is_filesystem_of(mount, number) || is_node_of(mount, device); }
};

Error covered(const Task& task, const Mount& stranger) {
  return no_effect(Code::FailedPrecondition, task.path + " has " + stranger.source + " (" + stranger.filesystem +
                                                 ") mounted over ours by somebody else: unmount that first");
}

Facts busy(const Mount& mount, const std::vector<Mount>& mounts) {
  return {
      {"busy",
       user_of(mount, mounts).value_or("something that is not to be seen here (a mount below it, a loop device, the kernel)")}};
}

bool is_below(const std::vector<Mount>& mounts, const Task& task) {
  for (const auto& mount : mounts)
    if (mount.path == task.path && task.is_ours(mount)) return true;
  return false;
}
}  // namespace

Result<Facts> unmount_verb(const Facts& arguments) {
  const Task task{value_of(arguments, "path"), value_of(arguments, "number"), value_of(arguments, "device")};
  constexpr int kMostAtOnePlace = 16;
  for (int taken = 0;; ++taken) {
    const auto mounts = TRY(all_mounts());
    const auto top = find_at(mounts, task.path);
    if (!top) break;
    if (!task.is_ours(*top)) {
      if (is_below(mounts, task)) return covered(task, *top);
      return Facts{};  // a stranger's, and ours is gone: its directory is his now
    }
    if (value_of(arguments, "hole") == "true")
      if (const auto user = user_elsewhere(*top, mounts)) return Facts{{"busy", *user}};
    // Nothing is looked at through the path: what is mounted may be dead. UMOUNT_NOFOLLOW: its last part is no symbolic link.
    if (taken == kMostAtOnePlace)
      return maybe_effect(Code::Aborted, task.path + " is mounted again as often as it is unmounted: somebody else does that");
    if (::umount2(task.path.c_str(), UMOUNT_NOFOLLOW) == 0) continue;
    const int error = errno;
    if (error == EBUSY) return busy(*top, mounts);
    if (error != EINVAL && error != ENOENT) return system_refused("unmount " + task.path, error);
    const auto still = find_at(TRY(all_mounts()), task.path);
    if (still && task.is_ours(*still)) return system_refused("unmount " + task.path, error);
  }
  remove_target(task.path);
  return Facts{};
}

}  // namespace blockplug::mount
