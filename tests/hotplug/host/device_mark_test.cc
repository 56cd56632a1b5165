// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/device_mark.h"

#include <gtest/gtest.h>

namespace blockplug {
namespace {

TEST(DeviceMark, IsOfOneNodeAndOneVolume) {
  const VolumeId volume{"local/data"};
  const auto mark = device_mark("node-1", volume);
  EXPECT_EQ(mark.size(), 29U);
  EXPECT_TRUE(mark.starts_with("bp-"));
  EXPECT_EQ(mark, device_mark("node-1", volume));
  EXPECT_NE(mark, device_mark("node-2", volume));
  EXPECT_NE(mark, device_mark("node-1", VolumeId("local/datb")));
}

}  // namespace
}  // namespace blockplug
