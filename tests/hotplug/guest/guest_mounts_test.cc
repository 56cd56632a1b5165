// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_mounts.h"

#include <gtest/gtest.h>

#include "hotplug/host/text_file.h"
#include "tests/support/paths.h"

namespace blockplug {
namespace {

// As the lab's guest printed it (busybox, kernel 6.1).
TEST(GuestMounts, AreReadFromWhatTheKernelSays) {
  const auto mounts = parse_mountinfo(text_of(blockplug::testing::source_path("tests/hotplug/guest/data/mountinfo")));
  ASSERT_EQ(mounts.size(), 6U);
  const auto* first = topmost_at(mounts, "/mnt/a b/c");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->number, "254:0");
  EXPECT_EQ(first->source, "/dev/vda");
  EXPECT_EQ(first->filesystem, "ext4");
  EXPECT_EQ(first->root, "/");
  EXPECT_FALSE(first->is_bound_read_only);
  const auto* second = topmost_at(mounts, "/mnt/b");
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(second->is_bound_read_only);
  EXPECT_FALSE(second->is_filesystem_read_only);
  EXPECT_EQ(topmost_at(mounts, "/mnt"), nullptr);
}

TEST(GuestMounts, OfOnePathTheLastIsOnTop) {
  const auto mounts = parse_mountinfo(
      "24 1 254:0 / /mnt rw shared:1 master:2 - ext4 /dev/vda rw\n25 24 0:30 / /mnt ro - tmpfs none ro,size=1k\ngarbage\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(topmost_at(mounts, "/mnt")->filesystem, "tmpfs");
  EXPECT_TRUE(topmost_at(mounts, "/mnt")->is_filesystem_read_only);
}

}  // namespace
}  // namespace blockplug
