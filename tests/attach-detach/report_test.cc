// SPDX-License-Identifier: Apache-2.0
// What list, explain and queue say.
#include "attach-detach/report.h"

#include "tests/attach-detach/manager_fixture.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Report : public ManagerTest {
 protected:
  AttachmentReport report() const { return *manager->explain(key("local/v", "vm:a")); }
};

TEST_F(Report, Attached) {
  attached("local/v", "vm:a");
  const auto told = report();
  EXPECT_EQ(told.state, State::Attached);
  EXPECT_TRUE(told.is_desired);
  EXPECT_EQ(told.highest, rungs::kPlug);
  ASSERT_EQ(told.rungs.size(), 3U);
  EXPECT_EQ(told.rungs[0].state, "up");
  EXPECT_EQ(told.rungs[0].facts.at("hold.size"), "1048576");
  EXPECT_TRUE(told.reasons.empty());
  EXPECT_EQ(summary(told), "attached");
  EXPECT_FALSE(told.next_try);
}

TEST_F(Report, Attaching) {
  attach("local/v", "vm:a");
  EXPECT_EQ(report().state, State::Attaching);
  runner.run_tasks();
  const auto told = report();
  EXPECT_EQ(told.state, State::Attaching);
  ASSERT_TRUE(told.running);
  EXPECT_EQ(told.running->step, "raise hold of local/v to vm:a");
  EXPECT_EQ(told.running->operation, "op");
  EXPECT_EQ(told.running->limit, seconds(10));
  EXPECT_NE(summary(told).find("raise hold of local/v to vm:a has been running for 0 ms (limit 10000 ms)"), std::string::npos);
  ASSERT_EQ(manager->queue().size(), 1U);
  EXPECT_EQ(manager->queue()[0].state, "running");
}

TEST_F(Report, AttachingWithAnError) {
  world.script["raise open"] = {no_answer()};
  attach("local/v", "vm:a");
  runner.run();
  const auto told = report();
  EXPECT_EQ(told.state, State::Attaching);
  EXPECT_EQ(told.highest, rungs::kHold);
  EXPECT_EQ(told.next_try, runner.wall() + milliseconds(500));
  EXPECT_EQ(summary(told), "attaching; open: trying again later: open: no answer; last error: open: no answer");
}

TEST_F(Report, Detaching) {
  attached("local/v", "vm:a");
  detach("local/v", "vm:a");
  EXPECT_EQ(report().state, State::Detaching);
  EXPECT_FALSE(report().is_desired);
}

TEST_F(Report, Waiting) {
  world.script["raise plug"] = {Waiting{"the VM to boot", runner.now() + seconds(3)}};
  attach("local/v", "vm:a");
  runner.run();
  EXPECT_EQ(report().state, State::Waiting);
  EXPECT_EQ(report().rungs[2].waiting_for, "the VM to boot");
  EXPECT_EQ(report().next_try, runner.wall() + seconds(3));
  EXPECT_EQ(summary(report()), "waiting; plug: waiting: the VM to boot");
}

TEST_F(Report, WhatIsTriedAgainTellsWhatItWaitedFor) {
  world.script["raise plug"] = {Waiting{"the VM to boot", runner.now() + seconds(3)}};
  attach("local/v", "vm:a");
  runner.run();
  std::string during;
  world.on_call = [&](const Call&) { during = summary(report()); };
  runner.pass(seconds(4));
  EXPECT_NE(
      during.find("raise plug of local/v to vm:a has been running for 0 ms (limit 10000 ms), after waiting for: the VM to boot"),
      std::string::npos)
      << during;
  EXPECT_EQ(summary(report()), "attached");
}

TEST_F(Report, Uncertain) {
  attached("local/v", "vm:a");
  manager->doubt_volume(VolumeId("local/v"));
  runner.run_tasks();
  EXPECT_EQ(report().state, State::Uncertain);
  EXPECT_EQ(report().rungs[1].state, "uncertain");
  EXPECT_FALSE(report().highest);
}

TEST_F(Report, StuckWhenTheGuestDoesNotAnswerForLongerThanTheLimit) {
  attached("local/v", "vm:a");
  for (int wait = 0; wait < 10; ++wait)
    world.script["lower plug"].push_back(Waiting{"the guest", runner.now() + seconds(4 * (wait + 1))});
  detach("local/v", "vm:a");
  runner.pass(seconds(10));
  EXPECT_EQ(report().state, State::Detaching);
  runner.pass(seconds(1));
  EXPECT_EQ(report().state, State::Stuck);
  EXPECT_EQ(summary(report()), "stuck; plug: waiting: the guest");
  runner.pass(std::chrono::minutes(1));
  EXPECT_FALSE(is_known("local/v", "vm:a"));
}

TEST_F(Report, StuckWhenAStepRunsForLongerThanItsLimit) {
  attach("local/v", "vm:a");
  runner.run_tasks();
  State during{};
  world.on_call = [&](const Call&) {
    runner.set_now(runner.now() + seconds(11));
    during = report().state;
    world.on_call = [](const Call&) {};
  };
  runner.run();
  EXPECT_EQ(during, State::Stuck);
  EXPECT_EQ(report().state, State::Attached);
}

TEST_F(Report, Failed) {
  attached("local/v", "vm:a");
  world.up.clear();
  world.script["raise hold"] = {no_effect(Code::NotFound, "the file is gone")};
  manager->doubt_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_EQ(report().state, State::Failed);
  EXPECT_NE(summary(report()).find("last error: hold: the file is gone"), std::string::npos);
}

TEST_F(Report, ListsEverythingInOrder) {
  for (const auto* volume : {"local/b", "local/a"}) attached(volume, "vm:a");
  ASSERT_EQ(manager->list().size(), 2U);
  EXPECT_EQ(manager->list()[0].key.volume.str(), "local/a");
  EXPECT_EQ(manager->of_volume(VolumeId("local/b")).size(), 1U);
  EXPECT_TRUE(manager->of_volume(VolumeId("local/c")).empty());
  EXPECT_FALSE(manager->explain(key("local/a", "vm:b")));
}

TEST_F(Report, PlanSaysTheNextStepAndWhy) {
  world.script["raise open"] = {Waiting{"the VM", {}}};
  attach("local/v", "vm:a");
  attach("local/w", "vm:a");
  ASSERT_EQ(manager->plan_all().size(), 2U);
  EXPECT_EQ(manager->plan_all()[1].volume.str(), "local/w");
  runner.run();
  ASSERT_EQ(manager->plan_all().size(), 1U);
  EXPECT_EQ(manager->plan_all()[0].step, "");
  EXPECT_EQ(manager->plan_all()[0].reasons[0].text, "open: waiting: the VM");
}

TEST_F(Report, EveryStateHasAName) {
  for (const auto state : {State::Attached, State::Attaching, State::Detaching, State::Waiting, State::Uncertain, State::Stuck,
                           State::Broken, State::Fenced, State::Failed, State::Orphan})
    EXPECT_STRNE(to_text(state), "?");
}

}  // namespace
}  // namespace blockplug::test
