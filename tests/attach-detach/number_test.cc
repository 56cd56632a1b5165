// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/number.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace blockplug {
namespace {

TEST(Number, IsAllOfTheTextOrNone) {
  for (const auto& [text, number] : {std::pair{"0", 0}, std::pair{"4096", 4096}, std::pair{"-7", -7}, std::pair{"007", 7}})
    EXPECT_EQ(number_from<std::int64_t>(text), number) << text;
  for (const char* text : {"", " 1", "1 ", "1x", "x", "+1", "0x1", "1.0", "99999999999999999999", "-"})
    EXPECT_EQ(number_from<std::int64_t>(text), std::nullopt) << text;
  EXPECT_EQ(number_from<unsigned>("-1"), std::nullopt);
  EXPECT_EQ(number_from<std::uint64_t>("3d", 16), 0x3dU);
}

}  // namespace
}  // namespace blockplug
