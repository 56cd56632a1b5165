// SPDX-License-Identifier: Apache-2.0
// What has our marker and has no record.
#include "tests/attach-detach/manager_fixture.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

using std::chrono::milliseconds;

class Orphan : public ManagerTest {
 protected:
  // A store was lost while this was up.
  void lose(const std::string& volume, const std::string& target) {
    for (const auto& kind : {rungs::kHold, rungs::kOpen, rungs::kPlug}) world.up.insert({key(volume, target), {kind, {}}});
  }
  void survey(int times) {
    for (int time = 0; time < times; ++time) {
      manager->doubt_target(TargetId("vm:other"));
      runner.run();
    }
  }
};

TEST_F(Orphan, IsShownWhenSeenTwiceAndLeftAlone) {
  lose("local/lost", "vm:a");
  survey(1);
  EXPECT_TRUE(manager->list().empty());
  runner.pass(milliseconds(300));  // it asks again by itself
  ASSERT_EQ(manager->list().size(), 1U);
  const auto report = manager->list()[0];
  EXPECT_EQ(report.state, State::Orphan);
  EXPECT_EQ(report.key, key("local/lost", "vm:a"));
  EXPECT_FALSE(report.is_desired);
  EXPECT_EQ(report.rungs.size(), 3U);
  EXPECT_NE(summary(report).find("plug of local/lost to vm:a has our marker but no record"), std::string::npos);
  EXPECT_EQ(state("local/lost", "vm:a"), State::Orphan);
  runner.pass(std::chrono::minutes(10));
  EXPECT_TRUE(world.calls.empty());
  EXPECT_EQ(world.up.size(), 3U);
}

TEST_F(Orphan, ThatVanishesIsNeverShown) {
  lose("local/lost", "vm:a");
  survey(1);
  world.up.clear();
  runner.pass(milliseconds(300));
  EXPECT_TRUE(manager->list().empty());
}

TEST_F(Orphan, ThatIsGoneLaterIsNoLongerShown) {
  lose("local/lost", "vm:a");
  survey(2);
  ASSERT_EQ(manager->list().size(), 1U);
  world.up.clear();
  survey(1);
  EXPECT_TRUE(manager->list().empty());
}

TEST_F(Orphan, IsStillShownWhileWhatWouldTellDoesNotAnswer) {
  lose("local/lost", "vm:a");
  survey(2);
  world.up.clear();
  world.is_survey_partial = true;
  survey(3);
  EXPECT_EQ(manager->list().size(), 1U);
  world.is_survey_partial = false;
  survey(1);
  EXPECT_TRUE(manager->list().empty());
}

TEST_F(Orphan, IsNotWhatIsOnItsWayUp) {
  attach("local/v", "vm:a");
  runner.run_job();
  survey(3);
  ASSERT_EQ(manager->list().size(), 1U);
  EXPECT_EQ(manager->list()[0].state, State::Attached);
}

TEST_F(Orphan, IsAdoptedByAnAttach) {
  lose("local/lost", "vm:a");
  survey(2);
  auto& heard = attach("local/lost", "vm:a");
  EXPECT_EQ(manager->list().size(), 1U);
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(state("local/lost", "vm:a"), State::Attached);
  EXPECT_EQ(world.up.size(), 3U);
  survey(2);
  EXPECT_EQ(manager->list().size(), 1U);
}

TEST_F(Orphan, IsLoweredByADetach) {
  lose("local/lost", "vm:a");
  survey(2);
  auto& heard = detach("local/lost", "vm:a");
  EXPECT_EQ(state("local/lost", "vm:a"), State::Uncertain);
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_TRUE(world.up.empty());
  EXPECT_EQ(world.calls,
            (Calls{"probe hold of local/lost to vm:a", "probe open of local/lost to vm:a", "probe plug of local/lost to vm:a",
                   "lower plug of local/lost to vm:a", "lower open of local/lost to vm:a", "lower hold of local/lost to vm:a"}));
  EXPECT_TRUE(manager->list().empty());
}

TEST_F(Orphan, IsStillLoweredAfterACrash) {
  lose("local/lost", "vm:a");
  survey(2);
  detach("local/lost", "vm:a");
  runner.run_job();
  runner.run_job();
  runner.run_job();
  runner.run_tasks();
  crash();
  runner.run();
  EXPECT_TRUE(world.up.empty());
}

TEST_F(Orphan, OfALadderThatIsNotThereIsShownAndCannotBeLowered) {
  world.marked[key("none/lost", "vm:a")] = {rungs::kHold};
  survey(2);
  ASSERT_EQ(manager->list().size(), 1U);
  auto& heard = detach("none/lost", "vm:a");
  runner.run();
  EXPECT_EQ(heard.code(), Code::FailedPrecondition);
  EXPECT_EQ(manager->list().size(), 1U);
}

TEST_F(Orphan, IsALeafThatNobodyAskedForAgainWhileTheTrunkIsAdopted) {
  for (const auto& kind : {rungs::kHold, rungs::kMap, rungs::kStage}) world.up.insert({key("local/lost", "host"), {kind, {}}});
  for (const char* path : {"/p", "/q"}) world.up.insert({key("local/lost", "host"), {rungs::kPublish, path}});
  survey(2);
  attach(with_leaf(request("local/lost", "host"), "/p"));
  runner.run();
  survey(2);
  ASSERT_EQ(manager->orphans().size(), 1U);
  ASSERT_EQ(manager->orphans().at(key("local/lost", "host")).size(), 1U);
  EXPECT_EQ(manager->orphans().at(key("local/lost", "host"))[0].leaf, "/q");
  EXPECT_TRUE(world.up.contains({key("local/lost", "host"), {rungs::kPublish, "/q"}}));
  auto& heard = detach("local/lost", "host", "/q", Trunk::Stays);
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_TRUE(manager->orphans().empty());
  EXPECT_FALSE(world.up.contains({key("local/lost", "host"), {rungs::kPublish, "/q"}}));
  EXPECT_EQ(state("local/lost", "host"), State::Attached);
}

TEST_F(Orphan, LeafIsNotTakenByADetachThatDoesNotNameIt) {
  for (const auto& kind : {rungs::kHold, rungs::kMap, rungs::kStage}) world.up.insert({key("local/lost", "host"), {kind, {}}});
  for (const char* path : {"/p", "/q"}) world.up.insert({key("local/lost", "host"), {rungs::kPublish, path}});
  survey(2);
  attach(with_leaf(request("local/lost", "host"), "/p"));
  runner.run();
  detach("local/lost", "host");
  runner.run();
  EXPECT_EQ(world.up.size(), 1U) << "it may be a person's own mount of the device";
  EXPECT_TRUE(world.up.contains({key("local/lost", "host"), {rungs::kPublish, "/q"}}));
}

TEST_F(Orphan, IsNoLeafThatIsCalledOtherwiseThanItIsFound) {
  world.real_paths["/link/p"] = "/real/p";
  attach(with_leaf(request("local/v", "host"), "/link/p"));
  runner.run();
  survey(2);
  EXPECT_TRUE(manager->orphans().empty());
  EXPECT_EQ(manager->list().size(), 1U);
}

TEST_F(Orphan, ThatIsToGoOnlyBareAndIsNotStaysOneWithoutARecord) {
  for (const auto& kind : {rungs::kHold, rungs::kMap, rungs::kStage}) world.up.insert({key("local/lost", "host"), {kind, {}}});
  world.up.insert({key("local/lost", "host"), {rungs::kPublish, "/p"}});
  survey(2);
  auto& heard = detach("local/lost", "host", {}, Trunk::GoesOnlyBare);
  EXPECT_EQ(heard.code(), Code::FailedPrecondition);
  runner.pass(std::chrono::minutes(10));
  EXPECT_EQ(state("local/lost", "host"), State::Orphan);
  EXPECT_EQ(world.up.size(), 4U);
}

// As kubelet wants it: the trunk is mounted at a place outside of ours, where a survey of paths finds it.
TEST_F(Orphan, IsNotTheTrunksOwnMountAtAPlaceThatWasAskedFor) {
  auto asked = with_leaf(request("local/v", "host"), "/pod/mount");
  asked.spec.staging_path = "/kubelet/globalmount";
  asked.spec.filesystem = "ext4";
  attach(asked);
  runner.run();
  ASSERT_EQ(state("local/v", "host"), State::Attached);
  world.up.insert({key("local/v", "host"), {rungs::kPublish, "/kubelet/globalmount"}});
  survey(2);
  EXPECT_TRUE(manager->orphans().empty());
  EXPECT_EQ(manager->list().size(), 1U);
}

TEST_F(Orphan, IsLoweredWithItsLeaves) {
  for (const auto& kind : {rungs::kHold, rungs::kMap, rungs::kStage}) world.up.insert({key("local/lost", "host"), {kind, {}}});
  for (const char* path : {"/p", "/q"}) world.up.insert({key("local/lost", "host"), {rungs::kPublish, path}});
  survey(2);
  EXPECT_EQ(manager->orphans().at(key("local/lost", "host")).size(), 5U);
  auto& heard = detach("local/lost", "host");
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_TRUE(world.up.empty());
  const auto calls = world.take_calls();
  EXPECT_EQ(std::vector(calls.end() - 5, calls.end()),
            (Calls{"lower publish /p of local/lost to host", "lower publish /q of local/lost to host",
                   "lower stage of local/lost to host", "lower map of local/lost to host", "lower hold of local/lost to host"}));
}

// A cluster that hangs keeps nobody from hearing what is in a VM.
class OrphanInAVm : public Orphan {
 protected:
  OrphanInAVm() {
    lose("local/lost", "vm:a");
    world.up.insert({lost, {rungs::kHandOver, {}}});
    world.up.insert({lost, {rungs::kGuestMount, "/g"}});
    world.handed_over[lost] = "/pod";
    survey(2);
  }
  AttachRequest again(const std::string& path) const {
    auto made = with_leaf(request("local/lost", "vm:a"), "/g");
    made.spec.staging_path = path;
    made.enough = rungs::kHandOver;
    return made;
  }
  const AttachmentKey lost = key("local/lost", "vm:a");
};

// Nothing mounted is unplugged, also where the store was lost and no survey shows what is mounted.
TEST_F(OrphanInAVm, IsUnmountedBeforeItIsUnplugged) {
  const auto& gone = detach("local/lost", "vm:a");
  runner.run();
  EXPECT_TRUE(gone.is_ok());
  std::vector<std::string> lowered;
  for (const auto& call : world.calls)
    if (call.starts_with("lower ")) lowered.push_back(call.substr(6, call.find(" of ") - 6));
  EXPECT_EQ(lowered, (std::vector<std::string>{"guest-mount /g", "plug", "open", "hold", "hand-over"}));
  EXPECT_TRUE(world.up.empty());
}

TEST_F(OrphanInAVm, IsAdoptedAtItsOwnPathOnly) {
  const auto refused = manager->attach(again("/other"), [](const Status&) {});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::FailedPrecondition);
  EXPECT_NE(refused.error().message.find("blockplug repair local/lost"), std::string::npos) << refused.error().message;
  EXPECT_EQ(state("local/lost", "vm:a"), State::Orphan);
  ASSERT_TRUE(manager->attach(again("/pod"), [](const Status&) {}).ok());
  runner.run();
  EXPECT_EQ(state("local/lost", "vm:a"), State::Attached);
  EXPECT_EQ(world.handed_over[lost], "/pod");
}

TEST_F(Orphan, ASurveyThatHangsDelaysNoOther) {
  end_life();
  world.up.insert({key("local/lost", "vm:a"), {rungs::kPlug, {}}});
  begin_life();
  std::vector<Job> hung;
  for (std::size_t left = runner.waiting_jobs(); left > 0; --left) {
    auto job = runner.hold_next_job();
    if (hung.empty()) {
      hung.push_back(std::move(job));
      continue;
    }
    EXPECT_NE(job.lane, hung.front().lane);
    runner.start(std::move(job));
  }
  runner.pass(std::chrono::seconds(2));
  EXPECT_EQ(state("local/lost", "vm:a"), State::Orphan);
}

}  // namespace
}  // namespace blockplug::test
