// SPDX-License-Identifier: Apache-2.0
// Orders: one-shot acts in the same journal as rungs.
#include <algorithm>

#include "attach-detach/volume_limits.h"
#include "tests/attach-detach/manager_fixture.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Orders : public ManagerTest {};

const Facts kTwoMiB{{"size_bytes", "2097152"}};

TEST_F(Orders, ArePerformedOnceToldAndForgotten) {
  auto& heard = order("local/v", OrderKind::Create, kTwoMiB);
  EXPECT_EQ(runner.waiting_jobs(), 0U);  // not before it is written down
  ASSERT_EQ(manager->queue().size(), 1U);
  EXPECT_EQ(manager->queue()[0].what, "order 1 (create)");
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(heard.facts, kTwoMiB);
  EXPECT_EQ(world.calls, (Calls{"perform create of local/v"}));
  EXPECT_EQ(world.operations, (Calls{"op-order"}));
  EXPECT_TRUE(manager->queue().empty());
  EXPECT_TRUE(manager->world().volumes.empty());
}

TEST_F(Orders, TheEqualRepeatJoinsAndAnotherQueues) {
  auto& first = order("local/v", OrderKind::Resize, kTwoMiB);
  auto& equal = order("local/v", OrderKind::Resize, kTwoMiB);
  auto& other = order("local/v", OrderKind::Resize, {{"size_bytes", "3145728"}});
  EXPECT_EQ(manager->queue().size(), 2U);
  runner.run();
  EXPECT_TRUE(first.is_ok());
  EXPECT_TRUE(equal.is_ok());
  EXPECT_TRUE(other.is_ok());
  EXPECT_EQ(world.calls.size(), 2U);
  EXPECT_EQ(other.facts.at("size_bytes"), "3145728");
}

// A snapshot of an image whose client is silent waits for its fence.
TEST_F(Orders, AFenceGoesBeforeWhatDoesNotRun) {
  world.script["snapshot"] = {no_answer(), Done{}};
  auto& snapshot = order("local/v", OrderKind::Snapshot, {{"snapshot", "s"}});
  runner.run();
  EXPECT_EQ(snapshot.times, 0);
  order("local/v", OrderKind::Resize, kTwoMiB);
  const Facts theirs{{"node", "n7"}}, others{{"node", "n8"}};
  auto& first = order("local/v", OrderKind::Fence, theirs);
  auto& second = order("local/v", OrderKind::Fence, others);
  auto& equal = order("local/v", OrderKind::Fence, theirs);
  EXPECT_EQ(manager->queue().size(), 4U) << "the equal one has joined";
  runner.run();
  EXPECT_TRUE(first.is_ok() && second.is_ok() && equal.is_ok());
  runner.pass(seconds(300));
  EXPECT_TRUE(snapshot.is_ok());
  EXPECT_EQ(world.calls, (Calls{"perform snapshot of local/v", "perform fence of local/v", "perform fence of local/v",
                                "perform snapshot of local/v", "perform resize of local/v"}));
}

TEST_F(Orders, AFenceIsTakenWhereTooManyWaitForIt) {
  world.script["snapshot"] = std::deque<Attempt>(50, Waiting{"its client is silent", std::nullopt});
  for (int number = 0; number < 16; ++number) order("local/v", OrderKind::Snapshot, {{"snapshot", "s" + std::to_string(number)}});
  runner.run();
  EXPECT_EQ(manager->order({VolumeId("local/v"), OrderKind::Resize, kTwoMiB, "op"}, [](const auto&) {}).error().code,
            Code::ResourceExhausted);
  auto& fence = order("local/v", OrderKind::Fence, {});
  runner.run();
  EXPECT_TRUE(fence.is_ok());
}

TEST_F(Orders, AFinalErrorIsHeardAndForgotten) {
  world.script["create"] = {no_effect(Code::ResourceExhausted, "no room")};
  auto& heard = order("local/v", OrderKind::Create, kTwoMiB);
  runner.run();
  EXPECT_EQ(heard.times, 1);
  EXPECT_EQ(heard.code(), Code::ResourceExhausted);
  EXPECT_TRUE(manager->queue().empty());
  runner.pass(seconds(5));
  EXPECT_EQ(world.calls.size(), 1U);
}

TEST_F(Orders, AnotherErrorIsTriedAgain) {
  world.script["resize"] = {no_answer(), maybe_effect(Code::NotFound, "gone midway")};
  auto& heard = order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run();
  ASSERT_EQ(manager->queue().size(), 1U);
  const auto entry = manager->queue()[0];
  EXPECT_EQ(entry.state, "retrying");
  EXPECT_EQ(entry.attempts, 1);
  EXPECT_EQ(entry.next_try, runner.wall() + milliseconds(500));
  runner.pass(milliseconds(500));
  EXPECT_EQ(heard.times, 0);
  runner.pass(milliseconds(1000));
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(world.calls.size(), 3U);
}

class CancelledOrdersTest : public Orders {
 protected:
  // How many were cancelled, and how many had begun; nothing while nobody was told.
  using Numbers = std::pair<std::size_t, std::size_t>;
  std::optional<Numbers>& cancel(const std::string& volume) {
    auto& numbers = told_.emplace_back();
    manager->cancel_orders(VolumeId(volume), [&numbers](const CancelledOrders& orders) {
      numbers = {orders.cancelled.size(), orders.begun.size()};
    });
    return numbers;
  }

 private:
  std::list<std::optional<Numbers>> told_;
};

TEST_F(CancelledOrdersTest, AreHeardOfByTheirCallersAndNeverPerformed) {
  world.script["resize"] = {no_answer()};
  auto& first = order("local/v", OrderKind::Resize, kTwoMiB);
  auto& second = order("local/v", OrderKind::Snapshot, {{"name", "s"}});
  runner.run();
  auto& told = cancel("local/v");
  runner.run();
  EXPECT_EQ(told, Numbers(2, 0));
  EXPECT_EQ(first.code(), Code::Aborted);
  EXPECT_EQ(first.error->message, "resize local/v: it was cancelled");
  EXPECT_EQ(second.code(), Code::Aborted);
  EXPECT_TRUE(manager->world().volumes.empty());
  (void)world.take_calls();
  crash();
  runner.pass(seconds(60));
  EXPECT_TRUE(world.calls.empty());
}

TEST_F(CancelledOrdersTest, NotWhereTheEffectMayHaveBegunButWhatWaitsBehindIt) {
  world.script["resize"] = {maybe_effect(Code::Unavailable, "lost on the way"), no_answer()};
  auto& first = order("local/v", OrderKind::Resize, kTwoMiB);
  auto& second = order("local/v", OrderKind::Snapshot, {{"name", "s"}});
  runner.pass(seconds(1));  // and again, this time without an effect: that says nothing of the first attempt
  EXPECT_EQ(world.calls.size(), 2U);
  auto& told = cancel("local/v");
  runner.run();
  EXPECT_EQ(told, Numbers(1, 1));
  EXPECT_EQ(second.code(), Code::Aborted);
  EXPECT_EQ(first.times, 0);
  runner.pass(seconds(60));
  EXPECT_TRUE(first.is_ok());
}

TEST_F(CancelledOrdersTest, NotWhereItRuns) {
  auto& heard = order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run_tasks();
  auto job = runner.hold_next_job();
  auto& told = cancel("local/v");
  runner.run();
  EXPECT_EQ(told, Numbers(0, 1));
  job.told(job.work());
  runner.run();
  EXPECT_TRUE(heard.is_ok());
}

TEST_F(CancelledOrdersTest, NotWhereAnEarlierLifeMayHaveBegunIt) {
  order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run_tasks();
  auto job = runner.hold_next_job();
  crash();
  auto& told = cancel("local/v");
  runner.run_tasks();
  EXPECT_EQ(told, Numbers(0, 1));
}

TEST_F(CancelledOrdersTest, AlsoWhereAnEarlierLifeTriedItWithoutAnEffect) {
  world.script["resize"] = {no_answer(), no_answer()};
  order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run();
  crash();
  runner.run();
  EXPECT_EQ(world.calls.size(), 2U);
  auto& told = cancel("local/v");
  runner.run();
  EXPECT_EQ(told, Numbers(1, 0));
  EXPECT_TRUE(manager->world().volumes.empty());
}

TEST_F(CancelledOrdersTest, AreNotToldBeforeThatIsStored) {
  world.script["resize"] = {no_answer()};
  auto& heard = order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run();
  store->failures = 1000;
  auto& told = cancel("local/v");
  runner.pass(seconds(3));
  EXPECT_FALSE(told);
  EXPECT_EQ(heard.times, 0);
  store->failures = 0;
  runner.pass(seconds(2));
  EXPECT_EQ(told, Numbers(1, 0));
  EXPECT_EQ(heard.code(), Code::Aborted);
}

// A step of the same volume runs meanwhile, and nothing that it keeps is taken out of the store.
TEST_F(CancelledOrdersTest, AreNotToldBeforeThatIsStoredWhileAnotherStepRuns) {
  attach("local/v", "vm:a");
  runner.run_tasks();
  auto hold = runner.hold_next_job();
  order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run_tasks();
  store->failures = 1;
  auto& told = cancel("local/v");
  runner.run_tasks();
  manager->touch_volume(VolumeId("local/v"));
  runner.run_tasks();
  EXPECT_EQ(told, Numbers(1, 0));
  (void)world.take_calls();
  crash();
  runner.pass(seconds(60));
  EXPECT_EQ(std::ranges::count(world.calls, "perform resize of local/v"), 0);
}

TEST_F(CancelledOrdersTest, AreNoneWhereThereAreNone) {
  auto& none = cancel("local/v");
  attached("local/w", "vm:a");
  auto& idle = cancel("local/w");
  runner.run();
  EXPECT_EQ(none, Numbers(0, 0));
  EXPECT_EQ(idle, Numbers(0, 0));
}

TEST_F(Orders, KeepNoDetachWaiting) {
  attached("local/v", "vm:a");
  world.script["resize"] = {no_answer(), no_answer(), no_answer(), no_answer()};
  order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run();
  (void)world.take_calls();
  auto& down = detach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(down.is_ok());
  ASSERT_GE(world.calls.size(), 3U);
  EXPECT_EQ(world.calls[0], "lower plug of local/v to vm:a");
  EXPECT_EQ(world.calls[2], "lower hold of local/v to vm:a");
}

TEST_F(Orders, AWaitIsWokenByATouch) {
  world.script["delete"] = {Waiting{"a reader", {}}};
  auto& heard = order("local/v", OrderKind::Delete);
  runner.pass(seconds(9));
  EXPECT_EQ(manager->queue()[0].state, "waiting");
  EXPECT_EQ(manager->queue()[0].note, "a reader");
  EXPECT_EQ(heard.times, 0);
  manager->touch_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_TRUE(heard.is_ok());
}

TEST_F(Orders, AResizeReachesEveryRungOfEveryAttachment) {
  attached("local/v", "vm:a");
  world.size_bytes = 1 << 20;
  std::int64_t seen = 0;
  world.on_call = [&](const Call& call) {
    if (world.calls.back().starts_with("raise plug")) seen = call.spec.size_bytes, world.size_bytes = 2 << 20;
  };
  world.findings[rungs::kHold] = world.findings[rungs::kOpen] = {Standing::Up, {}, {}};
  auto& heard = order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(world.calls, (Calls{"perform resize of local/v", "probe hold of local/v to vm:a", "probe open of local/v to vm:a",
                                "probe plug of local/v to vm:a", "raise plug of local/v to vm:a"}));
  EXPECT_EQ(seen, 2 << 20);
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
  EXPECT_EQ(manager->explain(key("local/v", "vm:a"))->spec.size_bytes, 2 << 20);
}

TEST_F(Orders, AModifyReachesEveryAttachmentAndRaisesWhatIsLimitedOtherwise) {
  attached("local/v", "vm:a");
  world.script["modify"] = {Done{{{"limit.iops", "500"}}}};
  world.findings[rungs::kHold] = world.findings[rungs::kPlug] = {Standing::Up, {}, {}};
  world.findings[rungs::kOpen] = {Standing::Stale, {}, "another limit"};
  VolumeLimits seen;
  world.on_call = [&](const Call& call) {
    if (world.calls.back().starts_with("raise open")) seen = call.spec.limits;
  };
  auto& heard = order("local/v", OrderKind::Modify, {{"iops", "500"}});
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(world.calls, (Calls{"perform modify of local/v", "probe hold of local/v to vm:a", "probe open of local/v to vm:a",
                                "probe plug of local/v to vm:a", "raise open of local/v to vm:a"}));
  EXPECT_EQ(seen, (VolumeLimits{{"iops", 500}}));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
  crash();
  EXPECT_EQ(manager->explain(key("local/v", "vm:a"))->spec.limits, (VolumeLimits{{"iops", 500}}));
}

TEST_F(Orders, AResizeIsStillKnownAfterACrash) {
  attached("local/v", "vm:a");
  world.findings[rungs::kHold] = world.findings[rungs::kOpen] = world.findings[rungs::kPlug] = {Standing::Up, {}, {}};
  order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run();
  crash();
  EXPECT_EQ(manager->explain(key("local/v", "vm:a"))->spec.size_bytes, 2 << 20);
}

TEST_F(Orders, DeleteIsRefusedWhileAttached) {
  attached("local/v", "vm:a");
  auto& heard = order("local/v", OrderKind::Delete);
  EXPECT_EQ(heard.code(), Code::FailedPrecondition);
  EXPECT_EQ(heard.error->message, "delete local/v: it is attached to vm:a. Detach it first");
  EXPECT_TRUE(manager->queue().empty());
}

TEST_F(Orders, DeleteWaitsForTheDetachToEnd) {
  attached("local/v", "vm:a");
  world.script["lower plug"] = {Waiting{"the guest", {}}, Waiting{"the guest", {}}};
  detach("local/v", "vm:a");
  runner.run();
  auto& heard = order("local/v", OrderKind::Delete);
  runner.run();
  EXPECT_EQ(heard.times, 0);
  manager->touch_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(world.calls.back(), "perform delete of local/v");
  EXPECT_TRUE(manager->world().volumes.empty());
}

TEST_F(Orders, DeleteIsRefusedWhileTheImageIsAttachedUnderAnotherName) {
  world.script["lower hold"] = {no_answer()};
  attached("local/v", "vm:a");
  detach("local/v", "vm:a");
  runner.run();  // its hold is still up
  auto& alias = attach("alias/v", "vm:a");
  auto& heard = order("local/v", OrderKind::Delete);
  EXPECT_EQ(heard.code(), Code::FailedPrecondition);
  runner.pass(seconds(1));
  EXPECT_TRUE(alias.is_ok());
}

TEST_F(Orders, AreRefusedWhereTheyCannotBe) {
  EXPECT_EQ(order("none/v", OrderKind::Create).code(), Code::NotFound);
  world.script["snapshot"] = {no_answer()};
  for (int index = 0; index < 16; ++index)
    EXPECT_EQ(order("local/v", OrderKind::Snapshot, {{"n", std::to_string(index)}}).times, 0);
  EXPECT_EQ(order("local/v", OrderKind::Snapshot, {{"n", "one more"}}).code(), Code::ResourceExhausted);
  store->is_low = true;
  EXPECT_EQ(order("local/w", OrderKind::Create, kTwoMiB).code(), Code::ResourceExhausted);
  auto& remove = order("local/w", OrderKind::Delete);
  runner.run();
  EXPECT_TRUE(remove.is_ok());
}

TEST_F(Orders, WhoseIntentCannotBeStoredAreRefused) {
  store->failures = 1;
  auto& heard = order("local/v", OrderKind::Create, kTwoMiB);
  runner.run();
  EXPECT_EQ(heard.code(), Code::ResourceExhausted);
  EXPECT_TRUE(world.calls.empty());
  EXPECT_TRUE(manager->queue().empty());
}

TEST_F(Orders, AreFinishedByTheNextLife) {
  world.script["resize"] = {no_answer()};
  order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run();
  crash();
  ASSERT_EQ(manager->queue().size(), 1U);
  EXPECT_EQ(manager->queue()[0].what, "order 1 (resize)");
  (void)world.take_calls();
  runner.run();
  EXPECT_EQ(world.calls, (Calls{"perform resize of local/v"}));
  crash();
  EXPECT_TRUE(manager->queue().empty());
}

TEST_F(Orders, ThatAreDoneAreNotDoneAgainAlthoughTheDiskWasFull) {
  for (const bool is_attached : {false, true}) {
    if (is_attached) attached("local/v", "vm:a");
    world.findings[rungs::kHold] = world.findings[rungs::kOpen] = world.findings[rungs::kPlug] = {Standing::Up, {}, {}};
    order("local/v", OrderKind::Resize, kTwoMiB);
    runner.run_tasks();
    store->failures = 5;
    runner.pass(seconds(10));
    EXPECT_EQ(store->failures, 0);
    (void)world.take_calls();
    crash();
    runner.run();
    for (const auto& call : world.calls) EXPECT_FALSE(call.starts_with("perform")) << call;
  }
}

TEST_F(Orders, NeverUseANumberTwice) {
  order("local/v", OrderKind::Resize, kTwoMiB);
  runner.run();
  crash();
  order("local/v", OrderKind::Resize, kTwoMiB);
  EXPECT_EQ(manager->queue()[0].what, "order 2 (resize)");
}

TEST_F(Orders, ACallerThatGoesAwayIsNotTold) {
  auto& heard = order("local/v", OrderKind::Resize, kTwoMiB);
  manager->abandon(heard.id);
  runner.run();
  EXPECT_EQ(heard.times, 0);
  EXPECT_EQ(world.calls.size(), 1U);
}

}  // namespace
}  // namespace blockplug::test
