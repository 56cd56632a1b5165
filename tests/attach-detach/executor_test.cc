// SPDX-License-Identifier: Apache-2.0
// What the executor does around a step: when it tries again, what it hands to rungs, what it believes afterwards.
#include "attach-detach/executor.h"

#include "tests/attach-detach/manager_fixture.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ExecutorTest : public ManagerTest {
 protected:
  void take_away(RungKind kind) { world.up.erase({key("local/v", "vm:a"), {kind, {}}}); }
  void doubt() {
    manager->doubt_target(TargetId("vm:a"));
    runner.run();
  }
  const RungRecord& record(RungKind kind) const {
    return manager->world().find(VolumeId("local/v"))->attachments.at(TargetId("vm:a")).rung({kind, {}});
  }
};

TEST_F(ExecutorTest, TriesAgainAfterTheBackoffAndNotBefore) {
  world.script["raise open"] = {no_answer(), no_answer(), no_answer(), no_answer()};
  auto& heard = attach("local/v", "vm:a");
  runner.run();
  std::size_t calls = 2;
  for (const auto delay : {milliseconds(500), milliseconds(1000), milliseconds(2000)}) {
    EXPECT_EQ(world.calls.size(), calls++);
    const auto report = manager->explain(key("local/v", "vm:a"));
    EXPECT_EQ(report->next_try, runner.wall() + delay);
    EXPECT_EQ(report->last_error, no_effect(Code::Unavailable, "open: no answer"));
    EXPECT_EQ(report->attempts, static_cast<int>(calls) - 2);
    runner.pass(delay - milliseconds(1));
    EXPECT_EQ(world.calls.size(), calls - 1);
    runner.pass(milliseconds(1));
  }
  runner.pass(seconds(4));
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(record(rungs::kOpen).tries.attempts, 0);
  EXPECT_FALSE(manager->explain(key("local/v", "vm:a"))->last_error);
}

TEST_F(ExecutorTest, ANewCallTriesAtOnceWithAFreshBackoff) {
  world.script["raise open"] = {no_answer(), no_answer(), no_answer()};
  attach("local/v", "vm:a");
  runner.pass(milliseconds(500));
  EXPECT_EQ(record(rungs::kOpen).tries.attempts, 2);
  auto& again = attach("local/v", "vm:a");
  runner.run();
  EXPECT_EQ(record(rungs::kOpen).tries.attempts, 1);
  runner.pass(milliseconds(500));
  EXPECT_TRUE(again.is_ok());
}

// Found by the simulator (seed 1706): an attempt that came to nothing reserved the attachment for its access for ever.
TEST_F(ExecutorTest, AfterARaiseWithoutEffectAnotherAccessIsRaised) {
  world.script["raise hold"] = {no_effect(Code::Unavailable, "refused")};
  auto reader = request("local/v", "vm:a");
  reader.spec.access = Access::ReadOnly;
  attach(reader);
  runner.run();
  detach("local/v", "vm:a");
  attach("local/v", "vm:a");
  runner.pass(std::chrono::seconds(10));
  EXPECT_EQ(manager->explain(key("local/v", "vm:a"))->state, State::Attached);
}

TEST_F(ExecutorTest, AWaitIsWokenByATouch) {
  world.script["raise open"] = {Waiting{"the VM", {}}};
  auto& heard = attach("local/v", "vm:a");
  runner.pass(seconds(5));
  EXPECT_EQ(heard.times, 0);
  EXPECT_EQ(world.calls.size(), 2U);
  manager->touch_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_TRUE(heard.is_ok());
}

TEST_F(ExecutorTest, AWaitIsWokenAtItsTime) {
  world.script["raise open"] = {Waiting{"the VM", runner.now() + seconds(3)}};
  auto& heard = attach("local/v", "vm:a");
  runner.pass(milliseconds(2999));
  EXPECT_EQ(heard.times, 0);
  runner.pass(milliseconds(1));
  EXPECT_TRUE(heard.is_ok());
}

TEST_F(ExecutorTest, ATouchDuringTheStepIsNotLost) {
  world.on_call = [&](const Call& call) {
    if (call.rung.kind == rungs::kOpen) manager->touch_volume(call.key.volume);
  };
  world.script["raise open"] = {Waiting{"the VM", {}}};
  auto& heard = attach("local/v", "vm:a");
  // The touch comes before the answer, as from another thread.
  runner.run_job();
  world.calls.clear();
  runner.run();
  EXPECT_TRUE(heard.is_ok());
}

TEST_F(ExecutorTest, AnEffectThatIsUnknownIsProbed) {
  world.script["raise open"] = {maybe_effect(Code::DeadlineExceeded, "no answer")};
  auto& heard = attach("local/v", "vm:a");
  runner.run();
  EXPECT_EQ(world.take_calls(),
            (Calls{"raise hold of local/v to vm:a", "raise open of local/v to vm:a", "probe open of local/v to vm:a"}));
  EXPECT_EQ(heard.times, 0);
  runner.pass(milliseconds(500));
  EXPECT_TRUE(heard.is_ok());
}

TEST_F(ExecutorTest, AnEffectThatHappenedAllTheSameIsTakenOver) {
  world.on_call = [&](const Call& call) { world.up.insert({call.key, call.rung}); };
  world.script["raise open"] = {maybe_effect(Code::DeadlineExceeded, "no answer")};
  auto& heard = attach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(world.calls.size(), 4U);
  EXPECT_FALSE(manager->explain(key("local/v", "vm:a"))->last_error);
}

TEST_F(ExecutorTest, WhatGaveUpBecauseItWasToldToDoesNotWait) {
  world.script["raise hold"] = {no_effect(Code::Cancelled, "told to stop")};
  attach("local/v", "vm:a");
  runner.run_tasks();
  detach("local/v", "vm:a");
  auto& again = attach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(again.is_ok());
  EXPECT_EQ(world.calls.size(), 4U);
}

TEST_F(ExecutorTest, RungsSeeTheFactsBelowAndTheirOwn) {
  std::map<RungKind, Facts> below, before;
  world.on_call = [&](const Call& call) { below[call.rung.kind] = call.below, before[call.rung.kind] = call.before; };
  auto made = with_leaf(request("local/v", "vm:a"), "/p");
  attach(made);
  runner.run();
  const std::string size = "1048576";
  EXPECT_EQ(below[rungs::kHold], Facts{});
  EXPECT_EQ(below[rungs::kPlug], (Facts{{"hold.size", size}, {"open.size", size}}));
  EXPECT_EQ(below[rungs::kGuestMount], (Facts{{"hold.size", size}, {"open.size", size}, {"plug.size", size}}));
  detach("local/v", "vm:a");
  runner.run();
  EXPECT_EQ(before[rungs::kPlug], (Facts{{"plug.size", size}}));
}

// As one that encrypts will: neither the rung below nor those above it know of it.
TEST_F(ExecutorTest, ARungInsertedBetweenTwoOthersChangesWhatTheUpperOnesSee) {
  const RungKind encrypt{"encrypt"};
  world.insert_above(rungs::kMap, encrypt);
  world.script["raise map"] = {Done{{{"device.path", "/dev/loop3"}, {"device.mapper", "loop"}}}};
  world.script["raise encrypt"] = {Done{{{"device.path", "/dev/mapper/v"}}}};
  std::map<std::string, Facts> below;
  world.on_call = [&](const Call& call) { below[world.calls.back()] = call.below; };
  auto& heard = attach(with_leaf(request("local/v", "host"), "/p"));
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(fact(below["raise map of local/v to host"], "device.path"), "");
  EXPECT_EQ(fact(below["raise encrypt of local/v to host"], "device.path"), "/dev/loop3");
  for (const std::string upper : {"stage", "publish /p"}) {
    EXPECT_EQ(fact(below["raise " + upper + " of local/v to host"], "device.path"), "/dev/mapper/v") << upper;
    EXPECT_EQ(fact(below["raise " + upper + " of local/v to host"], "device.mapper"), "loop") << upper;
  }
  detach("local/v", "host");
  runner.run();
  EXPECT_EQ(fact(below["lower stage of local/v to host"], "device.path"), "/dev/mapper/v");
  EXPECT_EQ(fact(below["lower encrypt of local/v to host"], "device.path"), "/dev/loop3");
}

TEST_F(ExecutorTest, RungsSeeTheirDeadlineAndLeaf) {
  auto made = with_leaf(request("local/v", "vm:a"), "/p", {Access::ReadOnly, {"noatime"}});
  int leaves = 0;
  world.on_call = [&](const Call& call) {
    EXPECT_EQ(call.deadline, runner.now() + seconds(10));
    EXPECT_EQ(call.leaf != nullptr, call.rung.kind == rungs::kGuestMount);
    if (call.leaf != nullptr) leaves += *call.leaf == made.leaf->second ? 1 : 100;
  };
  attach(made);
  runner.run();
  EXPECT_EQ(leaves, 1);
}

TEST_F(ExecutorTest, KeptFactsOutliveAFailedAttemptAndACrash) {
  int attempts = 0;
  world.on_call = [&](const Call& call) {
    if (call.rung.kind != rungs::kOpen || world.calls.back().starts_with("probe")) return;
    if (++attempts == 1) {
      EXPECT_TRUE(call.journal.keep({{"id", "7"}}).ok());
      EXPECT_TRUE(call.journal.keep({{"more", "8"}}).ok());
    } else {
      EXPECT_EQ(call.before, (Facts{{"id", "7"}, {"more", "8"}})) << attempts;
    }
  };
  world.script["raise open"] = {no_answer(), no_answer()};
  attach("local/v", "vm:a");
  runner.pass(milliseconds(500));
  EXPECT_EQ(attempts, 2);
}

TEST_F(ExecutorTest, FactsKeptInTheMomentOfACrashAreThere) {
  world.on_call = [&](const Call& call) {
    if (world.calls.back().starts_with("raise open")) {
      EXPECT_TRUE(call.journal.keep({{"id", "7"}}).ok());
    }
  };
  attach("local/v", "vm:a");
  runner.run_job();
  ASSERT_EQ(runner.waiting_jobs(), 1U);
  auto job = runner.next_job();
  (void)job.work();  // and its answer is never told
  crash();
  Facts seen;
  world.on_call = [&](const Call& call) {
    if (call.rung.kind == rungs::kOpen && seen.empty()) seen = call.before;
  };
  runner.run();
  EXPECT_EQ(seen, (Facts{{"id", "7"}}));
}

// --- holes ---

TEST_F(ExecutorTest, AHoleIsFoundAndMended) {
  attached("local/v", "vm:a");
  take_away(rungs::kOpen);
  std::map<std::string, LowerReason> because;
  world.on_call = [&](const Call& call) { because[world.calls.back()] = call.lower_reason; };
  doubt();
  EXPECT_EQ(world.calls, (Calls{"probe hold of local/v to vm:a", "probe open of local/v to vm:a", "probe hold of local/v to vm:a",
                                "probe plug of local/v to vm:a", "lower plug of local/v to vm:a", "raise open of local/v to vm:a",
                                "raise plug of local/v to vm:a"}));
  EXPECT_EQ(because["lower plug of local/v to vm:a"], LowerReason::GapBelow);
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

TEST_F(ExecutorTest, ALookThatFindsWhatIsWrittenWritesNothing) {
  attached("local/v", "vm:a");
  const int before = store->commits;
  doubt();
  EXPECT_EQ(world.calls.size(), 3U);
  EXPECT_EQ(store->commits, before);
}

TEST_F(ExecutorTest, WhatIsInUseAboveAHoleIsBrokenUntilItIsUndesired) {
  attached("local/v", "vm:a");
  take_away(rungs::kOpen);
  world.script["lower plug"] = {no_effect(Code::FailedPrecondition, "the guest has it mounted")};
  doubt();
  runner.pass(std::chrono::seconds(4));
  EXPECT_EQ(state("local/v", "vm:a"), State::Broken);
  EXPECT_EQ(std::count(world.calls.begin(), world.calls.end(), "lower plug of local/v to vm:a"), 1);
  EXPECT_NE(summary(*manager->explain(key("local/v", "vm:a"))).find("broken: the guest has it mounted"), std::string::npos);
  std::optional<LowerReason> because;
  world.on_call = [&](const Call& call) {
    if (call.rung.kind == rungs::kPlug) because = call.lower_reason;
  };
  auto& down = detach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(down.is_ok());
  EXPECT_EQ(because, LowerReason::NotWanted);
}

TEST_F(ExecutorTest, BrokenIsPutRightWhenItsUserHasGone) {
  attached("local/v", "vm:a");
  take_away(rungs::kOpen);
  const auto in_use = no_effect(Code::FailedPrecondition, "the guest has it mounted");
  world.script["lower plug"] = {in_use, in_use, in_use};
  doubt();
  runner.pass(std::chrono::seconds(29));  // looked at after 5, 15 and 30
  EXPECT_EQ(state("local/v", "vm:a"), State::Broken);
  runner.pass(std::chrono::seconds(2));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
  EXPECT_EQ(world.up.size(), 3U);
}

TEST_F(ExecutorTest, BrokenIsOverWhenTheHoleIs) {
  attached("local/v", "vm:a");
  world.script["lower plug"] = {no_effect(Code::FailedPrecondition, "in use")};
  take_away(rungs::kOpen);
  doubt();
  ASSERT_EQ(state("local/v", "vm:a"), State::Broken);
  take_away(rungs::kPlug);
  doubt();
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

// Seen: a backup job's filter was taken for somebody else's disk, ours counted as down, and its block node stayed "in use" for
// ever.
TEST_F(ExecutorTest, WhatWasWronglyFoundDownIsFoundAgainWhenWhatIsBelowItWillNotGo) {
  attached("local/v", "vm:a");
  world.findings[rungs::kPlug] = {Standing::Foreign, {}, "somebody else's disk has this id"};
  world.script["raise plug"] = {no_effect(Code::FailedPrecondition, "somebody else's disk has this id")};
  doubt();
  const auto in_use = [&](int until) { return Waiting{"QEMU still uses the block node", runner.now() + seconds(until)}; };
  world.script["lower open"] = {in_use(1), in_use(2)};
  const auto& heard = detach("local/v", "vm:a");
  runner.run();
  world.findings.clear();
  (void)world.take_calls();
  runner.pass(seconds(10));
  EXPECT_EQ(world.calls, (Calls{"lower open of local/v to vm:a", "probe plug of local/v to vm:a", "lower plug of local/v to vm:a",
                                "lower open of local/v to vm:a", "lower hold of local/v to vm:a"}));
  EXPECT_TRUE(heard.is_ok());
  EXPECT_TRUE(world.up.empty());
}

TEST_F(ExecutorTest, AForeignThingInThePlaceIsSaid) {
  attached("local/v", "vm:a");
  world.findings[rungs::kPlug] = {Standing::Foreign, {}, "somebody else's disk has this id"};
  world.script["raise plug"] = {no_effect(Code::FailedPrecondition, "somebody else's disk has this id")};
  doubt();
  EXPECT_EQ(state("local/v", "vm:a"), State::Failed);
  EXPECT_NE(summary(*manager->explain(key("local/v", "vm:a"))).find("somebody else's disk"), std::string::npos);
}

TEST_F(ExecutorTest, WhatCannotBeProvenIsAskedAgainWithABackoff) {
  attached("local/v", "vm:a");
  world.findings[rungs::kOpen] = {Standing::Unknown, {}, "the socket is silent"};
  doubt();
  EXPECT_EQ(state("local/v", "vm:a"), State::Uncertain);
  EXPECT_NE(summary(*manager->explain(key("local/v", "vm:a"))).find("open cannot be verified: the socket is silent"),
            std::string::npos);
  (void)world.take_calls();
  runner.pass(milliseconds(500));
  EXPECT_EQ(world.take_calls(), (Calls{"probe open of local/v to vm:a"}));
  runner.pass(milliseconds(999));
  EXPECT_TRUE(world.calls.empty());
  world.findings.clear();
  runner.pass(milliseconds(1));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

TEST_F(ExecutorTest, ADoubtDuringAStepIsNotLost) {
  attach("local/v", "vm:a");
  runner.run_tasks();
  ASSERT_EQ(runner.waiting_jobs(), 1U);
  manager->doubt_target(TargetId("vm:a"));
  runner.run();
  EXPECT_EQ(world.calls, (Calls{"raise hold of local/v to vm:a", "probe hold of local/v to vm:a", "raise open of local/v to vm:a",
                                "raise plug of local/v to vm:a"}));
}

// --- a disk that is full ---

TEST_F(ExecutorTest, AnAttachWhoseIntentCannotBeStoredIsRefusedAndNothingIsDone) {
  store->failures = 1;
  auto& heard = attach("local/v", "vm:a");
  runner.pass(seconds(2));
  EXPECT_EQ(heard.times, 1);
  EXPECT_EQ(heard.code(), Code::ResourceExhausted);
  EXPECT_TRUE(world.calls.empty());
  EXPECT_FALSE(is_known("local/v", "vm:a"));
}

TEST_F(ExecutorTest, ADetachWhoseIntentCannotBeStoredIsTriedAgain) {
  attached("local/v", "vm:a");
  store->failures = 2;
  auto& heard = detach("local/v", "vm:a");
  runner.pass(milliseconds(400));
  EXPECT_EQ(heard.times, 0);
  EXPECT_TRUE(world.calls.empty());
  runner.pass(seconds(10));
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(world.calls.size(), 3U);
}

TEST_F(ExecutorTest, WhatCouldNotBeStoredIsStoredLater) {
  attach("local/v", "vm:a");
  runner.run_job();  // hold
  store->failures = 3;
  runner.run();
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
  runner.pass(seconds(5));
  EXPECT_EQ(store->failures, 0);
  crash();
  runner.run();
  EXPECT_EQ(world.up.size(), 3U);
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

TEST_F(ExecutorTest, LanesAreTheBackendForAHoldAndTheTargetForTheRest) {
  attach("local/v", "vm:a");
  runner.run_tasks();
  EXPECT_EQ(runner.next_job().lane, "backend:local");
  EXPECT_EQ(runner.next_job().turn, Turn::Up);
  EXPECT_EQ(runner.next_job().lane_width, 8U);
  runner.run_job();
  EXPECT_EQ(runner.next_job().lane, "vm:a");
  detach("local/v", "vm:a");
  runner.run_job();
  EXPECT_EQ(runner.next_job().turn, Turn::Down);
}

// What is read of a VM serves every probe for which the reading began late enough.
TEST_F(ExecutorTest, AProbeSaysSinceWhenAReadingServesIt) {
  attached("local/v", "vm:a");
  std::map<RungKind, Time> doubted;
  world.on_call = [&](const Call& call) { doubted[call.rung.kind] = call.doubted_at; };
  runner.pass(seconds(7));
  const auto now = runner.now();
  manager->doubt_target(TargetId("vm:a"));
  runner.run();
  for (const auto& kind : {rungs::kHold, rungs::kOpen, rungs::kPlug}) EXPECT_EQ(doubted[kind], now) << kind.str();
}

TEST_F(ExecutorTest, AReadingThatFailedIsNotAskedForAgain) {
  attached("local/v", "vm:a");
  std::vector<Time> asked, doubted;
  world.on_call = [&](const Call& call) {
    if (call.rung.kind == rungs::kPlug) asked.push_back(runner.now()), doubted.push_back(call.doubted_at);
  };
  world.findings[rungs::kPlug] = {Standing::Unknown, {}, "the monitor does not answer"};
  manager->doubt_target(TargetId("vm:a"));
  runner.pass(seconds(5));
  ASSERT_GE(asked.size(), 3U);
  for (std::size_t number = 1; number < asked.size(); ++number) {
    EXPECT_GE(doubted[number], asked[number - 1]) << "the reading that failed would be asked for again";
    EXPECT_LT(doubted[number], asked[number]);
  }
}

TEST_F(ExecutorTest, NothingIsBegunAfterStop) {
  auto& heard = attach("local/v", "vm:a");
  runner.run_job();
  bool was_told_to_stop = false;
  world.on_call = [&](const Call& call) { was_told_to_stop = call.stop.stop_requested(); };
  manager->stop();
  runner.pass(seconds(10));
  EXPECT_TRUE(was_told_to_stop);
  EXPECT_EQ(world.calls.size(), 2U);
  EXPECT_EQ(heard.times, 0);
  world.on_call = [](const Call&) {};
  crash();
  runner.run();
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

}  // namespace
}  // namespace blockplug::test
