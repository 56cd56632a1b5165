// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/mount_watch.h"

#include "hotplug/rungs.h"
#include "tests/hotplug/host/mount/stage_bench.h"

namespace blockplug::testing {
namespace {

class MountWatch : public StageBench {
 protected:
  void stage_volume() {
    make_volume(16 * kMebibyte);
    ASSERT_EQ(raise_stage(), "done");
  }
  const std::string pod = scratch.at("pods/web/data");
};

TEST_F(MountWatch, NoticesAnUnmountByAnotherHandAndNotOurOwn) {
  ASSERT_TRUE(watch.start().ok());
  stage_volume();
  ASSERT_EQ(raise_at(pod), "done");
  ASSERT_EQ(lower_at(pod), "done");
  ASSERT_EQ(raise_at(pod), "done");
  must({"umount", pod});
  EXPECT_TRUE(events.wait_for("doubt local/data-1"));
  ASSERT_EQ(lower_at(pod), "done");
  ASSERT_EQ(lower_stage(), "done");
  watch.stop();
  EXPECT_EQ(events.count("doubt local/data-1"), 1);
}

TEST_F(MountWatch, KnowsTheMountsOfAnEarlierLifeAfterAProbe) {
  stage_volume();
  mount::MountWatch second{events};
  mount::Stage again{{helper, records, second, map, &map, scratch.at("stages")}};
  ASSERT_TRUE(second.start().ok());
  ASSERT_EQ(again.probe(call(staged, {rungs::kStage, {}})).standing, Standing::Up);
  must({"umount", place()});
  EXPECT_TRUE(events.wait_for("doubt local/data-1"));
}

TEST_F(MountWatch, TellsOfAMountThatWasGoneBeforeItWasWatched) {
  ASSERT_TRUE(watch.start().ok());
  watch.watch(scratch.at("never"), key.volume);
  EXPECT_TRUE(events.wait_for("doubt local/data-1"));
}

TEST_F(MountWatch, AReadingOfTheTableServesTheProbesThatDoubtedBefore) {
  stage_volume();
  ASSERT_EQ(raise_at(pod), "done");
  auto asked = call(leaves[pod], {rungs::kPublish, pod}, &leaf);
  asked.doubted_at = Clock::now();
  EXPECT_EQ(publish.probe(asked).standing, Standing::Up);
  must({"umount", pod});
  EXPECT_EQ(publish.probe(asked).standing, Standing::Up) << "of the same doubt";
  asked.doubted_at = Clock::now();
  EXPECT_EQ(publish.probe(asked).standing, Standing::Partial);
  ASSERT_EQ(raise_at(pod), "done");
  EXPECT_EQ(probe_at(pod).standing, Standing::Up) << "says no time: it is read for itself";
}

// The helper of its attempt may have ended since: no reading of others says whether it is mounted.
TEST_F(MountWatch, WhatIsInBetweenIsReadForItself) {
  stage_volume();
  auto asked = call(leaves[pod], {rungs::kPublish, pod}, &leaf);
  asked.doubted_at = Clock::now();
  asked.is_in_between = true;
  EXPECT_EQ(publish.probe(asked).standing, Standing::Down);
  ASSERT_EQ(raise_at(pod), "done");
  leaves[pod].before = {};  // as if it had not been heard
  EXPECT_EQ(publish.probe(asked).standing, Standing::Partial);
}

}  // namespace
}  // namespace blockplug::testing
