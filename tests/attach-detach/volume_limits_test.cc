// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/volume_limits.h"

#include <gtest/gtest.h>

namespace blockplug::test {
namespace {

TEST(VolumeLimits, AreReadBackAsTheyWereWritten) {
  for (const auto& limits :
       {VolumeLimits{}, VolumeLimits{{"iops", 1}}, VolumeLimits{{"iops", 1'000'000'000}, {"bytes_per_second", 512}}})
    EXPECT_EQ(*volume_limits_from(limits_text(limits)), limits);
}

TEST(VolumeLimits, OfSomebodyElseAreNotUnderstood) {
  for (const auto* text :
       {"iops", "iops=", "iops=x", "iops=0", "iops=-1", "iops=1000000001", "size=5", "iops=1,bytes_per_second=2"})
    EXPECT_EQ(volume_limits_from(text).error().code, Code::FailedPrecondition) << text;
}

TEST(VolumeLimits, KeepWhatIsNotSaidAndLoseWhatIsNull) {
  const VolumeLimits both{{"iops", 5}, {"bytes_per_second", 6}};
  EXPECT_EQ(*modified(both, {{"iops", "7"}}), (VolumeLimits{{"iops", 7}, {"bytes_per_second", 6}}));
  EXPECT_EQ(*modified(both, {{"iops", "0"}}), (VolumeLimits{{"bytes_per_second", 6}}));
  EXPECT_EQ(*modified(both, {{"iops", "0"}, {"bytes_per_second", "0"}}), VolumeLimits{});
  EXPECT_EQ(limit_facts(both), (Facts{{"limit.iops", "5"}, {"limit.bytes_per_second", "6"}}));
}

TEST(VolumeLimits, HaveARange) {
  EXPECT_EQ(modified({}, {{"iops", "1000000001"}}).error().code, Code::OutOfRange);
  EXPECT_EQ(modified({}, {{"iops", "-1"}}).error().code, Code::OutOfRange);
  EXPECT_EQ(modified({}, {{"bytes_per_second", "1000000000001"}}).error().code, Code::OutOfRange);
  EXPECT_EQ(modified({}, {{"iops", "many"}}).error().code, Code::InvalidArgument);
  EXPECT_TRUE(modified({}, {{"bytes_per_second", "1000000000000"}}).ok());
}

}  // namespace
}  // namespace blockplug::test
