// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "volume-plugin/mount/device.h"
#include "volume-plugin/mount/flags.h"
#include "volume-plugin/mount/mount_table.h"
#include "volume-plugin/mount/target_path.h"
#include "volume-plugin/mount/users.h"
#include "volume-plugin/mount/verbs.h"

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
  return no_effect(Code::FailedPrecondition, task.source + " is not bound to " + task.path + ": " + why);
}

// The root of a mounted file system of just this device. Below a mount that is missing lies an ordinary directory: never that.
Status check_directory(const Task& task, int source) {
  struct statx status {};
  if (::statx(source, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) != 0)
    return system_refused("look at " + task.source, errno);
  const auto number = number_text(status.stx_dev_major, status.stx_dev_minor);
  if (number != task.number)
    return not_bound(task,
                     "it is of the device " + number + ", not " + task.number + ": the volume is not mounted there (any more)");
  if ((status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0 && (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0)
    return not_bound(task, "it is no mount itself, only a directory in one");
  return Ok{};
}

Status check_node(const Task& task, int source) {
  struct stat status {};
  if (::fstat(source, &status) != 0) return system_refused("look at " + task.source, errno);
  if (!S_ISBLK(status.st_mode)) return not_bound(task, "it is no block device");
  const auto number = number_text(major(status.st_rdev), minor(status.st_rdev));
  return number == task.number ? Status{Ok{}}
                               : not_bound(task, "it is the device " + number + ", not " + task.number + " any more");
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
  if (task.shape == Shape::BlockDevice) set &= ~std::uint64_t{MOUNT_ATTR_NODEV};  // it would hide the very device
  return {.attr_set = set, .attr_clr = task.flags.clear, .propagation = MS_PRIVATE, .userns_fd = 0};
}

// Kernels before 5.12: visible before it is read-only, so the second step must not fail silently.
Status bind_the_old_way(const Task& task, int source, int target) {
  const auto from = "/proc/self/fd/" + std::to_string(source), to = "/proc/self/fd/" + std::to_string(target);
  if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) != 0)
    return system_refused("bind " + task.source + " to " + task.path, errno);
  const auto flags = MS_BIND | MS_REMOUNT | flags_of_old_mount(attributes_of(task).attr_set);
  if (::mount(nullptr, task.path.c_str(), nullptr, flags, nullptr) == 0) return Ok{};
  const auto refused = system_refused("set the flags of the new mount on " + task.path, errno);
  ::umount2(task.path.c_str(), UMOUNT_NOFOLLOW);
  return refused;
}

// Read-only and all flags are set before the mount is anywhere to be seen: a one-step read-only bind silently stays writable.
//
// The copy is made private, so that what is mounted inside one pod's copy does not appear in the staged mount or in another
// pod's. Where the target's parent is shared, attaching makes it a peer group of its own: it reaches the containers that follow
// the host (HostToContainer, Bidirectional), also those that started before.
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

Status bind_to_target(const Task& task, int source) {
  const int shape = task.shape == Shape::Directory ? O_DIRECTORY : 0;
  const FileDescriptor target{::open(task.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC | shape)};
  if (!target.is_open()) return system_refused("open " + task.path, errno);
  struct stat status {};
  if (::fstat(target.get(), &status) != 0) return system_refused("look at " + task.path, errno);
  if (task.shape == Shape::BlockDevice && !S_ISREG(status.st_mode))
    return not_bound(task, task.path + " is not an ordinary file any more");
  return bind(task, source, target.get());
}

// Ours is there already, perhaps with other flags.
Result<Facts> adjust(const Task& task, const Mount& there, const std::vector<Mount>& mounts) {
  auto attributes = attributes_of(task);
  attributes.propagation = 0;
  if (!task.flags.is_read_only()) attributes.attr_clr |= MOUNT_ATTR_RDONLY;
  if (::mount_setattr(AT_FDCWD, task.path.c_str(), AT_SYMLINK_NOFOLLOW, &attributes, sizeof attributes) == 0) return Facts{};
  if (errno == EBUSY) return Facts{{"busy", user_of(there, mounts).value_or("something that is open for writing")}};
  return system_refused("change " + task.path + " to " + (task.flags.is_read_only() ? "read-only" : "read-write"), errno);
}
}  // namespace

Result<Facts> bind_verb(const Facts& arguments) {
  const auto shape = value_of(arguments, "shape") == "block" ? Shape::BlockDevice : Shape::Directory;
  auto flags = TRY(flags_of_bind(value_of(arguments, "flags"), access_from(value_of(arguments, "access"))));
  const Task task{value_of(arguments, "source"), value_of(arguments, "number"), value_of(arguments, "path"), shape, std::move(flags)};
  const auto source = TRY(open_checked_source(task));
  const auto mounts = TRY(all_mounts());
  if (const auto there = find_at(mounts, task.path); there && task.is_ours(*there)) return adjust(task, *there, mounts);
  TRY(check_target(task.path, task.shape));
  TRY(make_target(task.path, task.shape));
  const auto bound = bind_to_target(task, source.get());
  if (bound.ok()) return Facts{};
  remove_target(task.path);
  return bound.error();
}

}  // namespace blockplug::mount
