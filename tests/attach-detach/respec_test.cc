// SPDX-License-Identifier: Apache-2.0
// What is attached follows its image, whoever changed that: another node's order, or somebody's hand.
#include "tests/attach-detach/manager_fixture.h"

namespace blockplug::test {
namespace {

using std::chrono::seconds;

class Respec : public ManagerTest {
 protected:
  static constexpr std::int64_t kLarger = 2 << 20;
  Spec spec() const { return manager->explain(key("local/v", "vm:a"))->spec; }
  void see(const SpecChange& seen) { see(seen, runner.now()); }
  void see(const SpecChange& seen, Time read_at) {
    manager->respec_volume(VolumeId("local/v"), seen, read_at);
    runner.run();
  }
};

TEST_F(Respec, ALargerImageIsShownAtOnce) {
  attached("local/v", "vm:a");
  world.size_bytes = kLarger;
  see({kLarger, {}});
  EXPECT_EQ(spec().size_bytes, kLarger);
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
  const auto calls = world.take_calls();
  EXPECT_NE(std::find(calls.begin(), calls.end(), "probe open of local/v to vm:a"), calls.end());
}

TEST_F(Respec, WhatIsNoNewsCostsNothing) {
  attached("local/v", "vm:a");
  see({world.size_bytes, decltype(Spec::limits){}});
  EXPECT_EQ(world.calls, Calls{});
  EXPECT_EQ(runner.waiting_jobs(), 0U);
}

TEST_F(Respec, NewLimitsHoldAtOnce) {
  attached("local/v", "vm:a");
  see({{}, decltype(Spec::limits){{"iops", 100}}});
  EXPECT_EQ(spec().limits, (decltype(Spec::limits){{"iops", 100}}));
  EXPECT_FALSE(world.calls.empty());
}

TEST_F(Respec, IsKeptOverACrash) {
  attached("local/v", "vm:a");
  see({kLarger, decltype(Spec::limits){{"iops", 100}}});
  runner.pass(seconds(1));
  crash();
  EXPECT_EQ(spec().size_bytes, kLarger);
  EXPECT_EQ(spec().limits.at("iops"), 100);
}

// Nothing shrinks under something in use.
TEST_F(Respec, ACutImageIsNotFollowed) {
  attached("local/v", "vm:a");
  see({4096, {}});
  EXPECT_EQ(spec().size_bytes, 1 << 20);
  EXPECT_EQ(world.calls, Calls{});
}

TEST_F(Respec, WhatWasReadBeforeAnOrderIsOutOfDate) {
  attached("local/v", "vm:a");
  const auto read_at = runner.now();
  runner.pass(seconds(1));
  world.script["modify"] = {Done{{{"limit.iops", "200"}}}};
  EXPECT_TRUE((order("local/v", OrderKind::Modify, {{"iops", "200"}}), runner.run(), true));
  see({{}, decltype(Spec::limits){{"iops", 100}}}, read_at);
  EXPECT_EQ(spec().limits.at("iops"), 200);
  see({{}, decltype(Spec::limits){{"iops", 100}}});
  EXPECT_EQ(spec().limits.at("iops"), 100) << "another node's, later";
}

TEST_F(Respec, OfWhatIsNotAttachedIsNoNews) {
  see({kLarger, {}});
  EXPECT_EQ(world.calls, Calls{});
}

}  // namespace
}  // namespace blockplug::test
