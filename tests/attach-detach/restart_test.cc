// SPDX-License-Identifier: Apache-2.0
// Another life of the daemon: what it finds in the store, and what it does before it does anything.
#include "tests/attach-detach/manager_fixture.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class Restart : public ManagerTest {
 protected:
  AttachRequest asked_by(Origin origin, const std::string& volume, const std::string& target = "vm:a") {
    auto made = request(volume, target);
    made.origin = origin;
    return made;
  }
};

TEST_F(Restart, ProbesAndTouchesNothingWhereAllIsAsDesired) {
  attached("local/v", "vm:a");
  crash();
  EXPECT_EQ(state("local/v", "vm:a"), State::Uncertain);
  runner.run();
  EXPECT_EQ(world.calls,
            (Calls{"probe hold of local/v to vm:a", "probe open of local/v to vm:a", "probe plug of local/v to vm:a"}));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

// So that after a restart one reading of a mount table or a VM serves all probes.
TEST_F(Restart, DoubtsAllAtOnce) {
  attached("local/v", "vm:a");
  attached("local/w", "vm:a");
  runner.pass(seconds(3));
  crash();
  const auto restarted_at = runner.now();
  std::vector<Time> doubted;
  world.on_call = [&](const Call& call) { doubted.push_back(call.doubted_at); };
  runner.pass(seconds(1));
  EXPECT_EQ(doubted, std::vector<Time>(6, restarted_at));
}

TEST_F(Restart, InTheMiddleOfAClimbProbesAllOfItAndGoesOn) {
  attach("local/v", "vm:a");
  runner.run_job();
  runner.run_job();
  EXPECT_EQ(world.take_calls().size(), 2U);
  crash();
  runner.run();
  EXPECT_EQ(world.calls, (Calls{"probe hold of local/v to vm:a", "probe open of local/v to vm:a", "probe plug of local/v to vm:a",
                                "raise plug of local/v to vm:a"}));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

TEST_F(Restart, AtEveryStepOfAnAttachAndADetachEndsAsDesired) {
  for (int jobs = 0; jobs < 4; ++jobs)
    for (const bool is_effect_done : {false, true})
      for (const bool is_attach : {true, false}) {
        if (!is_attach) attached("local/v", "vm:a");
        if (is_attach)
          attach("local/v", "vm:a");
        else
          detach("local/v", "vm:a");
        for (int job = 0; job < jobs; ++job) runner.run_job();
        runner.run_tasks();
        if (is_effect_done && runner.waiting_jobs() > 0) {
          auto job = runner.next_job();
          (void)job.work();
        }
        crash();
        runner.pass(seconds(1));
        EXPECT_EQ(world.up.size(), is_attach ? 3U : 0U) << jobs << is_effect_done;
        EXPECT_EQ(manager->list().size(), is_attach ? 1U : 0U) << jobs << is_effect_done;
        detach("local/v", "vm:a");
        runner.run();
        ASSERT_TRUE(world.up.empty());
      }
}

TEST_F(Restart, LowersNothingBeforeAllOfTheImageWasProbed) {
  attached("local/v", "vm:a");
  world.script["lower plug"] = {Waiting{"the guest", {}}};
  detach("local/v", "vm:a");
  runner.run();
  attach("alias/v", "vm:b");
  runner.run();
  crash();
  (void)world.take_calls();
  runner.run();
  std::size_t probes = 0;
  while (probes < world.calls.size() && world.calls[probes].starts_with("probe")) ++probes;
  EXPECT_GE(probes, 3U);
  for (auto call = world.calls.begin() + static_cast<std::ptrdiff_t>(probes); call != world.calls.end(); ++call)
    EXPECT_FALSE(call->starts_with("probe") && call->ends_with("local/v to vm:a")) << *call;
  EXPECT_EQ(state("alias/v", "vm:b"), State::Attached);
}

struct RebootRow {
  const char* volume;
  Origin origin;
  bool ends_with_boot;
};
constexpr RebootRow kReboots[] = {{"local/person", Origin::Person, false},
                                  {"local/kubelet", Origin::KubeletNode, true},
                                  {"local/controller", Origin::Controller, false}};

TEST_F(Restart, AfterARebootOnlyWhatKubeletsNodeCallsAskedForIsWithdrawn) {
  for (const auto& row : kReboots) attach(asked_by(row.origin, row.volume));
  runner.run();
  world.up.clear();
  for (int life = 0; life < 2; ++life) {
    crash("boot-2");
    runner.run();
    for (const auto& row : kReboots) {
      EXPECT_EQ(is_known(row.volume, "vm:a"), !row.ends_with_boot) << row.volume;
      if (row.ends_with_boot) continue;
      EXPECT_EQ(state(row.volume, "vm:a"), State::Attached) << row.volume;
    }
    EXPECT_EQ(world.up.size(), 6U);
  }
}

TEST_F(Restart, WithoutARebootAllThatWasAskedForStays) {
  for (const auto& row : kReboots) attach(asked_by(row.origin, row.volume));
  runner.run();
  crash();
  runner.run();
  for (const auto& row : kReboots) {
    EXPECT_EQ(state(row.volume, "vm:a"), State::Attached) << row.volume;
    EXPECT_EQ(manager->world().find(VolumeId(row.volume))->attachments.at(TargetId("vm:a")).desired.origin, row.origin)
        << row.volume;
  }
}

TEST_F(Restart, WhatStillStandsOfAWithdrawnDesiredStateIsLowered) {
  attach(asked_by(Origin::KubeletNode, "local/c"));
  runner.run();
  crash("boot-2");
  runner.run();
  EXPECT_TRUE(world.up.empty());
}

TEST_F(Restart, AFinalErrorAfterwardsDoesNotWithdrawWhatSomebodyMayHaveBeenTold) {
  attached("local/v", "vm:a");
  world.up.clear();
  world.script["raise open"] = {no_effect(Code::NotFound, "no such VM")};
  crash();
  runner.run();
  EXPECT_EQ(state("local/v", "vm:a"), State::Failed);
  runner.pass(milliseconds(500));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

TEST_F(Restart, ADetachedAttachmentIsForgottenForGood) {
  attached("local/v", "vm:a");
  detach("local/v", "vm:a");
  runner.run();
  crash();
  EXPECT_TRUE(manager->world().volumes.empty());
}

TEST_F(Restart, TheDesiredStateIsKeptWhole) {
  auto made = with_leaf(request("local/v", "host"), "/p", {Access::ReadOnly, {"noatime", "nodev"}});
  made.spec.filesystem = "ext4";
  made.spec.limits = {{"iops", 100}};
  made.may_share = true;
  attach(made);
  runner.run();
  const auto before = manager->world().find(made.key.volume)->attachments.at(made.key.target).desired;
  crash();
  const auto& after = manager->world().find(made.key.volume)->attachments.at(made.key.target).desired;
  EXPECT_TRUE(after == before);
  EXPECT_EQ(manager->world().with_image(made.image).size(), 1U);
}

TEST_F(Restart, LeavesAloneWhatAnotherConfigurationRaised) {
  for (const auto& foreign : {RungId{rungs::kPublish, "/p"}, RungId{rungs::kMap, {}}})
    for (const bool is_desired : {true, false}) {
      attached("local/v", "vm:a");
      const auto volume = VolumeId("local/v");
      auto desired = manager->world().find(volume)->attachments.at(TargetId("vm:a")).desired;
      desired.attached = is_desired;
      if (!foreign.leaf.empty()) desired.leaves[foreign] = {};
      end_life();
      auto file = SqliteStore::open(directory.path(), {false});
      ASSERT_TRUE((*file)
                      ->apply({PutAttachment{key("local/v", "vm:a"), desired, 1, true, {}, {}},
                               PutRung{key("local/v", "vm:a"), foreign, StoredState::Up, {}, {}}})
                      .ok());
      file->reset();
      begin_life();
      (void)world.take_calls();
      runner.pass(seconds(10));
      for (const auto& call : world.calls) EXPECT_TRUE(call.starts_with("probe")) << call;
      EXPECT_EQ(world.up.size(), 3U);
      EXPECT_EQ(state("local/v", "vm:a"), State::Uncertain);
      EXPECT_NE(summary(*manager->explain(key("local/v", "vm:a"))).find(to_text(foreign) + " is not on the ladder of this backend"),
                std::string::npos)
          << summary(*manager->explain(key("local/v", "vm:a")));
      end_life();
      std::filesystem::remove(directory.path() + "/store.db");
      world.up.clear();
      begin_life();
      runner.run();
    }
}

// The rung itself can tell it only once: of what is gone it knows nothing in its next life.
TEST_F(Restart, WhatWasFencedStaysSoUntilSomebodyAsksForItAgain) {
  attached("local/v", "vm:a");
  world.up.clear();
  const auto held = no_effect(Code::FailedPrecondition, "held by node n2");
  world.findings[rungs::kHold] = {Standing::Foreign, {}, "fenced off; held by node n2", true};
  world.script["raise hold"] = std::deque<Attempt>(100, held);
  manager->doubt_volume(VolumeId("local/v"));
  runner.pass(seconds(1));
  EXPECT_EQ(state("local/v", "vm:a"), State::Fenced);
  world.findings[rungs::kHold] = {Standing::Foreign, {}, "held by node n2", false};
  for (int life = 0; life < 3; ++life) {
    crash();
    for (int job = 0; job < life; ++job) runner.run_job();  // also in the middle of a raise
    crash();
    runner.pass(seconds(10));
    EXPECT_EQ(state("local/v", "vm:a"), State::Fenced) << life;
  }
  EXPECT_EQ(manager->explain(key("local/v", "vm:a"))->last_error->message, "held by node n2");
  world.findings.clear();
  world.script.clear();
  runner.pass(minutes(3));
  EXPECT_EQ(state("local/v", "vm:a"), State::Fenced);
  attach("local/v", "vm:a");
  runner.run();
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
  crash();
  world.up.clear();
  runner.pass(seconds(1));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached) << "what was fenced once is no more";
}

// Found by the simulator (seed 1329): the other reader, still up as the writer that it had been, counted as in the way, and a
// restart withdrew the request of the one that was there first.
TEST_F(Restart, OfTwoReadersNoneIsWithdrawnForOneThatWasAWriterBefore) {
  attached("ceph/v", "vm:b");
  world.script["lower plug"] = {Waiting{"the guest", {}}};
  detach("ceph/v", "vm:b");
  runner.run();
  for (const auto& [volume, target] : {std::pair("local/v", "vm:a"), std::pair("ceph/v", "vm:b")}) {
    auto reader = request(volume, target);
    reader.spec.access = Access::ReadOnly;
    attach(reader);
    runner.run_tasks();
  }
  crash();
  runner.pass(minutes(1));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
  EXPECT_EQ(state("ceph/v", "vm:b"), State::Attached);
}

TEST_F(Restart, WhatWasFencedIsForgottenWhenItIsDetached) {
  attached("local/v", "vm:a");
  world.up.clear();
  world.findings[rungs::kHold] = {Standing::Foreign, {}, "fenced off; held by node n2", true};
  world.script["raise hold"] = std::deque<Attempt>(100, no_effect(Code::FailedPrecondition, "held by node n2"));
  manager->doubt_volume(VolumeId("local/v"));
  runner.pass(seconds(1));
  crash();
  detach("local/v", "vm:a");
  runner.pass(seconds(10));
  EXPECT_FALSE(is_known("local/v", "vm:a"));
  crash();
  runner.run();
  EXPECT_FALSE(is_known("local/v", "vm:a"));
}

TEST_F(Restart, RefusesAStoreInUse) {
  auto second = SqliteStore::open(directory.path(), {false});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::FailedPrecondition);
}

TEST_F(Restart, TheSafetyNetProbesWhatNobodyDoubts) {
  attached("local/v", "vm:a");
  world.up.erase({key("local/v", "vm:a"), {rungs::kPlug, {}}});
  runner.pass(std::chrono::minutes(6));
  EXPECT_EQ(world.up.size(), 3U);
  const auto count = world.calls.size();
  EXPECT_GE(count, 4U);
  EXPECT_LE(count, 12U);  // spread: one round in five minutes
}

}  // namespace
}  // namespace blockplug::test
