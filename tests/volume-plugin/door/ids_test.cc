// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/ids.h"

#include <gtest/gtest.h>

namespace blockplug {
namespace {

TEST(VolumeId, NeedsABackendAndAName) {
  for (const auto* good : {"local/data", "ceph/a/b", "local/größe"}) EXPECT_TRUE(check_volume_id(good).ok()) << good;
  for (const auto& bad : {std::string{}, std::string{"data"}, std::string{"/data"}, std::string{"local/"},
                          std::string{"local/a\nb"}, "local/" + std::string(600, 'x')}) {
    const auto checked = check_volume_id(bad);
    ASSERT_FALSE(checked.ok()) << bad;
    EXPECT_NE(checked.error().message.find("such as local/data"), std::string::npos) << checked.error().message;
  }
}

TEST(VmId, IsWhatMayBeInASocketsPath) {
  for (const auto& good : {std::string{"web-0"}, std::string{"A.b_c"}, std::string(64, 'x')}) EXPECT_TRUE(check_vm_id(good).ok());
  for (const auto& bad : {std::string{}, std::string{"."}, std::string{".."}, std::string{"a/b"}, std::string{"vm:web"},
                          std::string{"ü"}, std::string{"a\n"}, std::string(65, 'x')})
    EXPECT_FALSE(check_vm_id(bad).ok()) << bad;
}

}  // namespace
}  // namespace blockplug
