// SPDX-License-Identifier: Apache-2.0
#include "ceph/wire.h"

#include <gtest/gtest.h>

namespace blockplug::rbd::testing {
namespace {

TEST(Wire, OfTooFewBytesReadsZerosAndSaysSo) {
  Decoder whole{Encoder{}.number(std::uint64_t{0x0102030405060708}).text("abc").bytes()};
  EXPECT_EQ(whole.number<std::uint64_t>(), 0x0102030405060708U);
  EXPECT_EQ(whole.text(), "abc");
  EXPECT_TRUE(whole.is_whole());
  Decoder cut{std::string("\x05\0\0\0ab", 6)};
  EXPECT_EQ(cut.text(), "");
  EXPECT_FALSE(cut.is_whole());
}

}  // namespace
}  // namespace blockplug::rbd::testing
