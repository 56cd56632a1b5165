// SPDX-License-Identifier: Apache-2.0
#include "hotplug/base64.h"

#include <gtest/gtest.h>

namespace blockplug {
namespace {

TEST(Base64, IsReadStrictly) {
  EXPECT_EQ(from_base64("").value(), "");
  EXPECT_EQ(from_base64("Zg==").value(), "f");
  EXPECT_EQ(from_base64("Zm8=").value(), "fo");
  EXPECT_EQ(from_base64("Zm9v").value(), "foo");
  EXPECT_EQ(from_base64("/+8A").value(), std::string("\xff\xef\0", 3));
  for (const char* bad : {"Z", "Zg=", "Zm9*", "Zm 9", "===="}) EXPECT_FALSE(from_base64(bad).has_value()) << bad;
}

}  // namespace
}  // namespace blockplug
