// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_usage.h"

#include <gtest/gtest.h>

namespace blockplug {
namespace {

TEST(GuestUsage, IsReadFromStat) {
  const auto usage = usage_in("4096 1000 600 550 64 60\n");
  ASSERT_TRUE(usage.ok()) << usage.error().message;
  EXPECT_EQ(usage->total_bytes, 4096000);
  EXPECT_EQ(usage->used_bytes, 400 * 4096);
  EXPECT_EQ(usage->available_bytes, 550 * 4096);
  EXPECT_EQ(usage->total_inodes, 64);
  EXPECT_EQ(usage->used_inodes, 4);
  EXPECT_EQ(usage->available_inodes, 60);
  EXPECT_TRUE(usage->has_filesystem);
}

// A guest may say anything.
TEST(GuestUsage, WhatCannotBeIsRefused) {
  for (const auto* odd : {"", "4096", "a b c d e f", "-1 1 1 1 1 1", "0 1 1 1 1 1", "4096 10 11 5 6 6", "4096 10 5 11 6 6",
                          "4096 10 5 5 6 7", "4096 9223372036854775807 1 1 1 1", "99999999999999999999 1 1 1 1 1"}) {
    const auto usage = usage_in(odd);
    ASSERT_FALSE(usage.ok()) << odd;
    EXPECT_EQ(usage.error().code, Code::Unavailable) << odd;
  }
}

}  // namespace
}  // namespace blockplug
