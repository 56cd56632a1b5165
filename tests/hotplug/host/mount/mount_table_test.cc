// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/mount_table.h"

#include <gtest/gtest.h>

namespace blockplug::mount {
namespace {

Mount mount_at(const std::string& path, int id, int parent) {
  Mount mount;
  mount.path = path;
  mount.id = id;
  mount.parent = parent;
  return mount;
}

TEST(MountTable, FindsTheTopOfAStack) {
  const std::vector mounts{mount_at("/", 1, 0), mount_at("/top/p", 2, 1), mount_at("/top/p", 3, 2), mount_at("/top", 4, 1)};
  EXPECT_EQ(find_at(mounts, "/top/p")->id, 3);
  EXPECT_EQ(find_at(mounts, "/top")->id, 4);
  EXPECT_FALSE(find_at(mounts, "/top/q"));
}

TEST(MountTable, FindsWhatIsToBeSeenAndNotWhatAMountAboveHides) {
  const std::vector mounts{mount_at("/", 1, 0), mount_at("/top/p", 2, 1), mount_at("/top", 3, 1), mount_at("/top/p", 4, 3)};
  EXPECT_EQ(find_at(mounts, "/top/p")->id, 4);
}

TEST(MountTable, IsReadFromTheKernel) {
  const auto mounts = all_mounts();
  ASSERT_TRUE(mounts.ok()) << mounts.error().message;
  const auto proc = find_at(*mounts, "/proc");
  ASSERT_TRUE(proc);
  EXPECT_EQ(proc->filesystem, "proc");
}

}  // namespace
}  // namespace blockplug::mount
