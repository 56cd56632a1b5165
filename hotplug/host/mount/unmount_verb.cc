// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>

#include <cerrno>

#include "hotplug/host/mount/device.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/place.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/host/mount/users.h"
#include "hotplug/host/mount/verbs.h"

namespace blockplug::mount {
namespace {
struct Task {
  std::string path, number, device;
  bool is_ours(const Mount& mount) const { return is_filesystem_of(mount, number) || is_node_of(mount, device); }
};

Error covered(const Task& task, const Mount& stranger) {
  return no_effect(Code::FailedPrecondition, task.path + " has " + stranger.source + " (" + stranger.filesystem +
                                                 ") mounted over the volume's mount: unmount it first");
}

Facts busy(const Mount& mount, const std::vector<Mount>& mounts) {
  return {
      {"busy", user_of(mount, mounts).value_or("a user that cannot be identified (a mount below it, a loop device, the kernel)")}};
}

bool is_below(const std::vector<Mount>& mounts, const Task& task) {
  for (const auto& mount : mounts)
    if (mount.path == task.path && task.is_ours(mount)) return true;
  return false;
}
}  // namespace

Result<Facts> unmount_verb(const Facts& arguments) {
  const Task task{fact(arguments, "path"), fact(arguments, "number"), fact(arguments, "device")};
  const auto place = Place::find(task.path);
  if (!place.ok()) return place.error().code == Code::NotFound ? Result<Facts>{Facts{}} : place.error();
  constexpr int kMostAtOnePlace = 16;
  for (int taken = 0;; ++taken) {
    const auto mounts = TRY(all_mounts());
    const auto top = find_at(mounts, task.path);
    if (!top) break;
    if (!task.is_ours(*top)) {
      if (is_below(mounts, task)) return covered(task, *top);
      return Facts{};  // another mount, and ours is gone: leave its directory alone
    }
    if (const auto* hider = hider_of(mounts, *top))
      return no_effect(Code::FailedPrecondition, task.path + " is " + hidden_text(*hider));
    if (fact(arguments, "hole") == "true")
      if (const auto user = user_elsewhere(*top, mounts)) return Facts{{"busy", *user}};
    // Does not access the mounted file system, which may be dead. UMOUNT_NOFOLLOW: do not follow a symbolic link at the end.
    if (taken == kMostAtOnePlace)
      return maybe_effect(Code::Aborted, task.path + " keeps being mounted again by another program: stop it");
    TRY(place->check_has(*top));
    if (::umount2(place->through_proc().c_str(), UMOUNT_NOFOLLOW) == 0) continue;
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
