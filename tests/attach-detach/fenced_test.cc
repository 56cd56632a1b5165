// SPDX-License-Identifier: Apache-2.0
// What another node fenced off this one: it is known, told, and not taken back before somebody asks for it again.
#include <algorithm>

#include "tests/attach-detach/manager_fixture.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {
const Error kHeld = no_effect(Code::FailedPrecondition, "held by n2");

class Fenced : public ManagerTest {
 protected:
  // The hold is gone: the first look says so, and what was once told it tells no more.
  void fence(const std::string& volume, const std::string& target) {
    world.up.erase({key(volume, target), {rungs::kHold, {}}});
    world.findings[rungs::kHold] = {Standing::Foreign, {}, "fenced off this node; held by n2", true};
    manager->doubt_volume(VolumeId(volume));
    runner.run();
    world.findings[rungs::kHold] = {Standing::Foreign, {}, "held by n2", false};
  }
  AttachmentReport report(const std::string& target = "vm:a") { return *manager->explain(key("local/v", target)); }
  Heard& attach_path(const std::string& path) { return attach(with_leaf(request("local/v", "host"), path)); }
};

TEST_F(Fenced, IsNotTakenBackBeforeSomebodyAsksForIt) {
  attached("local/v", "vm:a");
  world.up.erase({key("local/v", "vm:a"), {rungs::kHold, {}}});
  world.findings[rungs::kHold] = {Standing::Foreign, {}, "fenced off this node; held by n2", true};
  manager->doubt_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_EQ(report().state, State::Fenced);
  EXPECT_NE(summary(report()).find("held by n2"), std::string::npos);
  EXPECT_NE(summary(report()).find("it was fenced and is not taken back automatically"), std::string::npos);
  EXPECT_FALSE(report().highest) << "the disk is still there";
  world.findings.clear();
  runner.pass(std::chrono::minutes(10));
  EXPECT_EQ(report().state, State::Fenced) << "who fenced it has not taken it yet, perhaps";

  world.script["raise hold"] = {no_effect(Code::FailedPrecondition, "held by n2")};
  const auto& refused = attach("local/v", "vm:a");
  runner.run();
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->message, "attach local/v to vm:a: hold: held by n2");
  runner.pass(std::chrono::minutes(10));
  EXPECT_EQ(report().state, State::Fenced) << "one call, one attempt";
  const auto& taken = attach("local/v", "vm:a");
  runner.run();
  EXPECT_TRUE(taken.is_ok());
  EXPECT_EQ(report().state, State::Attached);
}

TEST_F(Fenced, BeforeItIsCompleteTheAttachIsRefused) {
  world.script["raise open"] = {Waiting{"the VM", {}}};
  const auto& answer = attach("local/v", "vm:a");
  runner.run();
  world.up.clear();
  world.findings[rungs::kHold] = {Standing::Down, {}, "fenced off this node", true};
  manager->doubt_volume(VolumeId("local/v"));
  runner.run();
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.error->message, "attach local/v to vm:a: fenced off this node");
  EXPECT_TRUE(manager->list().empty());
}

// That something still uses it here is the lesser news.
TEST_F(Fenced, IsToldFirstWhileSomethingUsesIt) {
  attached("local/v", "vm:a");
  world.up.erase({key("local/v", "vm:a"), {rungs::kHold, {}}});
  world.findings[rungs::kHold] = {Standing::Foreign, {}, "fenced off this node; held by n2", true};
  world.script["lower plug"] = {no_effect(Code::FailedPrecondition, "in use by process 7"),
                                no_effect(Code::FailedPrecondition, "in use by process 7")};
  manager->doubt_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_EQ(report().state, State::Fenced);
  ASSERT_FALSE(report().reasons.empty());
  EXPECT_EQ(report().reasons[0], "hold: fenced off this node; held by n2");
  EXPECT_EQ(report().last_error->message, "fenced off this node; held by n2");
  EXPECT_NE(summary(report()).find("in use by process 7"), std::string::npos);
}

// Who asked for it was told that it is refused: it does not appear when the rest is asked for again.
TEST_F(Fenced, APathThatWasAskedForInVainDoesNotComeLater) {
  attach_path("/a");
  runner.run();
  fence("local/v", "host");
  EXPECT_EQ(report("host").state, State::Fenced);
  world.script["raise hold"] = {kHeld};
  const auto& refused = attach_path("/b");
  runner.run();
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(report("host").leaves.size(), 1U);
  world.findings.clear();
  const auto& taken = attach_path("/a");
  runner.run();
  EXPECT_TRUE(taken.is_ok());
  EXPECT_EQ(report("host").state, State::Attached);
  EXPECT_EQ(report("host").leaves.size(), 1U);
  EXPECT_EQ(std::ranges::count(world.calls, "raise publish /b of local/v to host"), 0);
}

TEST_F(Fenced, APathOnItsWayIsRefused) {
  attach_path("/a");
  runner.run();
  world.script["raise publish"] = {Waiting{"a mount", {}}};
  const auto& answer = attach_path("/b");
  runner.run();
  EXPECT_EQ(answer.times, 0);
  fence("local/v", "host");
  ASSERT_TRUE(answer.error);
  EXPECT_EQ(answer.times, 1);
  EXPECT_EQ(report("host").leaves.size(), 1U);
}

TEST_F(Fenced, TheLastPathOnItsWayTakesTheTrunkWithIt) {
  attach_path("/a");
  runner.run();
  world.script["raise publish"] = {Waiting{"a mount", {}}, Waiting{"a mount", {}}};
  const auto& answer = attach_path("/b");
  runner.run();
  detach("local/v", "host", "/a");
  runner.run();
  EXPECT_EQ(answer.times, 0);
  fence("local/v", "host");
  EXPECT_TRUE(answer.error);
  EXPECT_TRUE(world.up.empty());
  EXPECT_TRUE(manager->list().empty());
}

TEST_F(Fenced, AskedForOnceItIsStillAskedForAfterARestart) {
  attached("local/v", "vm:a");
  fence("local/v", "vm:a");
  world.findings.clear();
  world.script["raise hold"] = {no_answer()};
  const auto& pending = attach("local/v", "vm:a");
  runner.run();
  EXPECT_EQ(pending.times, 0);
  crash();
  runner.pass(std::chrono::minutes(1));
  EXPECT_EQ(state("local/v", "vm:a"), State::Attached);
}

// The cloud has lost its record too, which stands below the hold.
TEST_F(Fenced, AskedForItIsTakenBackAfterTheRecordBelowItIsRepaired) {
  attached("cinder/v", "vm:a");
  fence("cinder/v", "vm:a");
  world.findings.clear();
  for (const auto& kind : {rungs::kReserve, rungs::kConnect}) world.up.erase({key("cinder/v", "vm:a"), {kind, {}}});
  world.script["raise reserve"] = {no_answer()};
  manager->doubt_volume(VolumeId("cinder/v"));
  runner.run();
  ASSERT_EQ(state("cinder/v", "vm:a"), State::Fenced);
  (void)world.take_calls();
  const auto& taken = attach("cinder/v", "vm:a");
  runner.pass(std::chrono::minutes(1));
  EXPECT_EQ(world.calls.front(), "raise reserve of cinder/v to vm:a");
  EXPECT_TRUE(taken.is_ok());
  EXPECT_EQ(state("cinder/v", "vm:a"), State::Attached);
}

TEST_F(Fenced, AskedForInVainItIsNotAskedForAfterARestart) {
  attached("local/v", "vm:a");
  fence("local/v", "vm:a");
  world.findings.clear();
  world.script["raise hold"] = {kHeld};
  attach("local/v", "vm:a");
  runner.run();
  crash();
  runner.pass(std::chrono::minutes(10));
  EXPECT_EQ(report().state, State::Fenced);
}

// It is asked for, and waits for a client that the cluster still sees; then the daemon dies. Its entry in the hold keeps all others
// out.
TEST_F(Fenced, AskedForItGoesOnInTheNextLife) {
  attached("local/v", "vm:a");
  fence("local/v", "vm:a");
  world.script["raise hold"] = {Waiting{"a client", {}}};
  attach("local/v", "vm:a");
  runner.run();
  EXPECT_EQ(report().state, State::Fenced);
  crash();
  world.findings[rungs::kHold] = {Standing::Partial, {}, "open at 192.0.2.9", false};
  runner.run();
  EXPECT_EQ(std::ranges::count(world.calls, "raise hold of local/v to vm:a"), 2);
  world.findings.clear();
  runner.pass(std::chrono::minutes(1));
  EXPECT_EQ(report().state, State::Attached);
}

// It waits for its VM, with the hold, for which it had been asked; that counts once.
TEST_F(Fenced, TwiceItIsAskedForTwice) {
  attached("local/v", "vm:a");
  fence("local/v", "vm:a");
  world.script["raise hold"] = {maybe_effect(Code::Unavailable, "no answer")};
  world.script["raise open"] = {Waiting{"the VM", {}}};
  attach("local/v", "vm:a");
  world.findings[rungs::kHold] = {Standing::Up, {}, {}};
  runner.run();
  EXPECT_EQ(report().highest, rungs::kHold);
  fence("local/v", "vm:a");
  EXPECT_EQ(report().state, State::Fenced);
  world.findings.clear();
  runner.pass(std::chrono::minutes(10));
  EXPECT_EQ(report().state, State::Fenced);
}

}  // namespace
}  // namespace blockplug::test
