// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "hotplug/host/mount/device.h"
#include "hotplug/host/mount/flags.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/place.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/host/mount/users.h"
#include "hotplug/host/mount/verbs.h"

namespace blockplug::mount {
namespace {
struct Task {
  std::string source, number, path;
  Shape shape{};
  MountFlags flags;
  bool is_ours(const Mount& mount) const {
    return shape == Shape::Directory ? is_filesystem_of(mount, number) : is_node_of(mount, source);
  }
};

Error not_bound(const Task& task, const std::string& why) {
  return no_effect(Code::FailedPrecondition, task.source + " cannot be bound to " + task.path + ": " + why);
}

// It must be the root of a mounted file system of exactly this device, and not the ordinary directory below a missing mount.
Status check_directory(const Task& task, int source) {
  struct statx status {};
  if (::statx(source, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) != 0)
    return system_refused("look at " + task.source, errno);
  const auto number = number_text(status.stx_dev_major, status.stx_dev_minor);
  if (number != task.number)
    return not_bound(task, "it is on device " + number + ", not " + task.number + ": the volume is not mounted there");
  if ((status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0 && (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)
    return not_bound(task, "it is not a mount point, only a directory");
  return Ok{};
}

Status check_node(const Task& task, int source) {
  struct stat status {};
  if (::fstat(source, &status) != 0) return system_refused("look at " + task.source, errno);
  if (!S_ISBLK(status.st_mode)) return not_bound(task, "it is not a block device");
  const auto number = number_text(major(status.st_rdev), minor(status.st_rdev));
  return number == task.number ? Status{Ok{}} : not_bound(task, "it is now device " + number + ", not " + task.number);
}

Result<FileDescriptor> open_checked_source(const Task& task) {
  const int shape = task.shape == Shape::Directory ? O_DIRECTORY : 0;
  FileDescriptor source{::open(task.source.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC | shape)};
  if (!source.is_open()) return not_bound(task, "it cannot be opened: " + system_refused("open it", errno).message);
  TRY(task.shape == Shape::Directory ? check_directory(task, source.get()) : check_node(task, source.get()));
  return source;
}

mount_attr attributes_of(const Task& task) {
  auto set = task.flags.set;
  if (task.shape == Shape::BlockDevice) set &= ~std::uint64_t{MOUNT_ATTR_NODEV};  // nodev would make the device unusable
  return {.attr_set = set, .attr_clr = task.flags.clear, .propagation = MS_PRIVATE, .userns_fd = 0};
}

// Kernels before 5.12: the mount is visible before it is read-only, so a failure of the second step must be reported.
Status bind_the_old_way(const Task& task, int source, int target) {
  const auto place = TRY(Place::find(task.path));
  if (::mount(through_proc(source).c_str(), through_proc(target).c_str(), nullptr, MS_BIND, nullptr) != 0)
    return system_refused("bind " + task.source + " to " + task.path, errno);
  const auto flags = MS_BIND | MS_REMOUNT | flags_of_old_mount(attributes_of(task).attr_set);
  auto mounted = place.open();  // the new mount, and not what it covers
  if (mounted.is_open() && ::mount(nullptr, through_proc(mounted.get()).c_str(), nullptr, flags, nullptr) == 0) return Ok{};
  const auto refused = system_refused("set the flags of the new mount on " + task.path, errno);
  mounted = FileDescriptor{};
  ::umount2(place.through_proc().c_str(), UMOUNT_NOFOLLOW);
  return refused;
}

// Read-only and all flags are set before the mount becomes visible: a read-only bind in one step silently stays writable.
//
// The copy is private, so that mounts inside one pod's copy do not propagate to the staged mount or to another pod. If the target's
// parent is shared, attaching puts the copy into a new peer group: it propagates to the containers that follow the host
// (HostToContainer, Bidirectional), including those already running.
Status bind(const Task& task, int source, int target) {
  const FileDescriptor copy{::open_tree(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)};
  if (!copy.is_open() && errno == ENOSYS) return bind_the_old_way(task, source, target);
  if (!copy.is_open()) return system_refused("bind " + task.source, errno);
  auto attributes = attributes_of(task);
  if (::mount_setattr(copy.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    if (errno == ENOSYS) return bind_the_old_way(task, source, target);
    return system_refused("set the flags of the mount for " + task.path, errno);
  }
  if (::move_mount(copy.get(), "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0) return Ok{};
  return system_refused("bind " + task.source + " to " + task.path, errno);
}

Status bind_to_target(const Task& task, int source, int target) {
  struct stat status {};
  if (::fstat(target, &status) != 0) return system_refused("look at " + task.path, errno);
  if (task.shape == Shape::BlockDevice && !S_ISREG(status.st_mode))
    return not_bound(task, task.path + " is no longer a regular file");
  return bind(task, source, target);
}

// Our mount already exists, maybe with other flags.
Result<Facts> adjust(const Task& task, const Mount& there, const std::vector<Mount>& mounts) {
  auto attributes = attributes_of(task);
  attributes.propagation = 0;
  if (!task.flags.is_read_only()) attributes.attr_clr |= MOUNT_ATTR_RDONLY;
  const auto place = TRY(Place::find(task.path));
  TRY(place.check_has(there));
  if (::mount_setattr(place.directory(), place.name().c_str(), AT_SYMLINK_NOFOLLOW, &attributes, sizeof attributes) == 0)
    return Facts{};
  if (errno == EBUSY) return Facts{{"busy", user_of(there, mounts).value_or("a file that is open for writing")}};
  return system_refused("change " + task.path + " to " + (task.flags.is_read_only() ? "read-only" : "read-write"), errno);
}
}  // namespace

Result<Facts> bind_verb(const Facts& arguments) {
  const auto shape = fact(arguments, "shape") == "block" ? Shape::BlockDevice : Shape::Directory;
  auto flags = TRY(flags_of_bind(fact(arguments, "flags"), access_from(fact(arguments, "access"))));
  const Task task{fact(arguments, "source"), fact(arguments, "number"), fact(arguments, "path"), shape, std::move(flags)};
  const auto source = TRY(open_checked_source(task));
  const auto mounts = TRY(all_mounts());
  if (const auto there = find_at(mounts, task.path); there && task.is_ours(*there)) return adjust(task, *there, mounts);
  TRY(check_target(task.path, task.shape));
  const auto target = TRY(make_target(task.path, task.shape));
  const auto bound = bind_to_target(task, source.get(), target.get());
  if (bound.ok()) return Facts{};
  remove_target(task.path);
  return bound.error();
}

}  // namespace blockplug::mount
