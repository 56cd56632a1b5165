// SPDX-License-Identifier: Apache-2.0
// A commit that fails while others of the same volume are under way: what they did not carry is not taken for stored.
#include <algorithm>

#include "tests/attach-detach/manager_fixture.h"

namespace blockplug::test {
namespace {

class FailedCommit : public ManagerTest {
 protected:
  Heard& attach_leaf(const std::string& path) { return attach(with_leaf(request("local/v", "host"), path)); }
  Job next_job() {
    runner.run_tasks();
    return runner.hold_next_job();
  }
  static void end(Job& job) { job.told(job.work()); }
  bool was_called(const std::string& call) const { return std::ranges::find(world.calls, call) != world.calls.end(); }
};

// The last detach could not be forgotten, and the volume is back: its new intents stay in the store.
TEST_F(FailedCommit, OfAnEarlierAttachmentDoesNotTakeTheIntentsOfTheNext) {
  attached("local/v", "vm:a");
  detach("local/v", "vm:a");
  runner.run_job();
  runner.run_job();
  auto last = next_job();
  store->failures = 1;
  end(last);
  attach("local/v", "vm:b");
  runner.run_job();
  auto open = next_job();
  (void)open.work();
  (void)world.take_calls();
  crash();
  runner.run();
  EXPECT_EQ(world.calls, (Calls{"probe hold of local/v to vm:b", "probe open of local/v to vm:b", "probe plug of local/v to vm:b",
                                "raise plug of local/v to vm:b"}));
}

TEST_F(FailedCommit, OfADesiredPathKeepsItFromBeingBegunUntilItIsStored) {
  attach_leaf("/p");
  for (int job = 0; job < 3; ++job) runner.run_job();
  auto publish = next_job();
  store->failures = 1;
  auto& heard = attach_leaf("/q");
  end(publish);
  auto second = next_job();
  EXPECT_EQ(heard.times, 0);
  (void)second.work();
  crash();
  ASSERT_TRUE(is_known("local/v", "host"));
  EXPECT_EQ(manager->explain(key("local/v", "host"))->leaves.size(), 2U);
  runner.run();
  EXPECT_EQ(world.up.size(), 5U);
}

// It was to come down, which its user refused, and then it was wanted again.
TEST_F(FailedCommit, OfWhatStaysAfterAllKeepsTheNextFromBeingRaisedOnIt) {
  attached("local/v", "host");
  world.script["lower map"] = {no_effect(Code::FailedPrecondition, "in use")};
  detach("local/v", "host");
  runner.run_job();
  auto lower_map = next_job();
  store->failures = 1;
  end(lower_map);
  attach("local/v", "host");
  auto stage = next_job();
  (void)stage.work();
  (void)world.take_calls();
  crash();
  runner.pass(std::chrono::seconds(1));
  EXPECT_FALSE(was_called("lower map of local/v to host"));
  EXPECT_FALSE(was_called("lower stage of local/v to host"));
  EXPECT_EQ(state("local/v", "host"), State::Attached);
}

TEST_F(FailedCommit, LeavesInTheStoreWhatARunningStepHasKept) {
  std::string kept;
  world.on_call = [&](const Call& call) {
    if (call.rung.kind != rungs::kStage) return;
    kept = fact(call.before, "mount.formatting");
    if (!kept.empty()) return;
    EXPECT_TRUE(call.journal.keep({{"mount.formatting", "u-1"}}).ok());
  };
  attach_leaf("/p");
  runner.run_job();
  runner.run_job();
  auto stage = next_job();
  store->failures = 1;
  attach_leaf("/q");
  runner.run_tasks();
  const auto answer = stage.work();
  manager->touch_volume(VolumeId("local/v"));
  runner.run_tasks();
  crash();
  runner.run();
  EXPECT_EQ(kept, "u-1");
  EXPECT_EQ(world.up.size(), 5U);
}

}  // namespace
}  // namespace blockplug::test
