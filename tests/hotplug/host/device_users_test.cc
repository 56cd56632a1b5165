// SPDX-License-Identifier: Apache-2.0
// Who uses a device is tried with real loop devices in loop/loop_map_test.cc; here: what needs none.
#include "hotplug/host/device_users.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "hotplug/host/text_file.h"
#include "hotplug/mountinfo.h"

namespace blockplug {
namespace {

TEST(DeviceUsers, OfWhatNobodyUsesAreSomebodyHidden) {
  EXPECT_EQ(users_of("/dev/nothing", "511:4095"), "a process that is not visible from here (it may be in another container)");
}

TEST(DeviceUsers, AreMountsByNumberOrBySource) {
  const auto mounts = parse_mountinfo(text_of("/proc/self/mountinfo"));
  ASSERT_FALSE(mounts.empty());
  const auto& some = mounts.back();
  EXPECT_NE(users_of("/dev/nothing", some.number).find("the mount on "), std::string::npos);
  EXPECT_NE(users_of("proc", "511:4095").find("the mount on /proc"), std::string::npos);
}

}  // namespace
}  // namespace blockplug
