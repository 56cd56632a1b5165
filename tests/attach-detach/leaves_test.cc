// SPDX-License-Identifier: Apache-2.0
// Several leaves on one trunk: each has its own callers and its own fate.
#include "tests/attach-detach/manager_fixture.h"

namespace blockplug::test {
namespace {

class Leaves : public ManagerTest {
 protected:
  Heard& attach_leaf(const std::string& path) { return attach(with_leaf(request("local/v", "host"), path)); }
};

TEST_F(Leaves, AreRaisedOnTheTrunkAndLoweredBeforeIt) {
  auto& heard = attach_leaf("/p");
  runner.run();
  EXPECT_TRUE(heard.is_ok());
  EXPECT_EQ(world.take_calls(), (Calls{"raise hold of local/v to host", "raise map of local/v to host",
                                       "raise stage of local/v to host", "raise publish /p of local/v to host"}));
  auto& down = detach("local/v", "host");
  runner.run();
  EXPECT_TRUE(down.is_ok());
  EXPECT_EQ(world.calls, (Calls{"lower publish /p of local/v to host", "lower stage of local/v to host",
                                "lower map of local/v to host", "lower hold of local/v to host"}));
}

TEST_F(Leaves, AnotherOneIsAddedToTheTrunkThatStands) {
  attach_leaf("/p");
  runner.run();
  (void)world.take_calls();
  auto& second = attach_leaf("/q");
  runner.run();
  EXPECT_TRUE(second.is_ok());
  EXPECT_EQ(world.calls, (Calls{"raise publish /q of local/v to host"}));
}

TEST_F(Leaves, ACallerHearsOfItsOwnLeafAlone) {
  world.script["raise publish"] = {no_answer()};
  auto& first = attach_leaf("/p");
  auto& second = attach_leaf("/q");
  runner.run();
  EXPECT_EQ(first.times, 0);
  EXPECT_TRUE(second.is_ok());
  runner.pass(std::chrono::seconds(1));
  EXPECT_TRUE(first.is_ok());
}

TEST_F(Leaves, OneGoesAndTheTrunkStaysForTheOthers) {
  attach_leaf("/p");
  attach_leaf("/q");
  runner.run();
  (void)world.take_calls();
  auto& one = detach("local/v", "host", "/p");
  runner.run();
  EXPECT_TRUE(one.is_ok());
  EXPECT_EQ(world.take_calls(), (Calls{"lower publish /p of local/v to host"}));
  auto& last = detach("local/v", "host", "/q");
  runner.run();
  EXPECT_TRUE(last.is_ok());
  EXPECT_EQ(world.calls.size(), 4U);
  EXPECT_FALSE(is_known("local/v", "host"));
}

TEST_F(Leaves, TheTrunkMayStayWithoutAny) {
  attach_leaf("/p");
  runner.run();
  auto& down = detach("local/v", "host", "/p", Trunk::Stays);
  runner.run();
  EXPECT_TRUE(down.is_ok());
  EXPECT_EQ(state("local/v", "host"), State::Attached);
  EXPECT_EQ(world.up.size(), 3U);
}

TEST_F(Leaves, DetachOfALeafThatIsNotThereIsSoAlready) {
  attach_leaf("/p");
  runner.run();
  auto& other = detach("local/v", "host", "/other");
  runner.run();
  EXPECT_TRUE(other.is_ok());
  EXPECT_EQ(state("local/v", "host"), State::Attached);
}

TEST_F(Leaves, DetachOfALeafOverridesItsAttach) {
  world.script["raise publish"] = {no_answer()};
  auto& up = attach_leaf("/p");
  auto& other = attach_leaf("/q");
  runner.run();
  auto& down = detach("local/v", "host", "/p");
  runner.run();
  EXPECT_EQ(up.code(), Code::Aborted);
  EXPECT_TRUE(down.is_ok());
  EXPECT_TRUE(other.is_ok());
}

TEST_F(Leaves, AFinalErrorTakesItsOwnLeafAlone) {
  auto& good = attach_leaf("/good");
  runner.run();
  world.script["raise publish"] = {no_effect(Code::InvalidArgument, "the path is a file")};
  auto& bad = attach_leaf("/bad");
  runner.run();
  EXPECT_TRUE(good.is_ok());
  EXPECT_EQ(bad.times, 1);
  EXPECT_EQ(bad.code(), Code::InvalidArgument);
  EXPECT_EQ(bad.error->message, "attach local/v to host: publish: the path is a file");
  EXPECT_EQ(state("local/v", "host"), State::Attached);
  EXPECT_EQ(manager->explain(key("local/v", "host"))->leaves.size(), 1U);
}

TEST_F(Leaves, AFinalErrorOfTheOnlyLeafTakesAllOfANewAttachment) {
  world.script["raise publish"] = {no_effect(Code::InvalidArgument, "the path is a file")};
  auto& heard = attach_leaf("/p");
  runner.run();
  EXPECT_EQ(heard.code(), Code::InvalidArgument);
  EXPECT_TRUE(world.up.empty());
  EXPECT_FALSE(is_known("local/v", "host"));
}

TEST_F(Leaves, AFinalErrorOfANewLeafLeavesTheTrunkThatWasAskedForAlone) {
  attached("local/v", "host");
  world.script["raise publish"] = {no_effect(Code::InvalidArgument, "the path is a file")};
  auto& heard = attach_leaf("/p");
  runner.run();
  EXPECT_EQ(heard.code(), Code::InvalidArgument);
  EXPECT_EQ(state("local/v", "host"), State::Attached);
}

TEST_F(Leaves, TrunkCallersDoNotWaitForLeavesOfOthersOnceTheyAreToldOfAll) {
  world.script["raise publish"] = {no_answer()};
  attach_leaf("/p");
  auto& all = attach("local/v", "host");
  runner.run();
  EXPECT_EQ(all.times, 0);  // "all of the attachment"
  runner.pass(std::chrono::seconds(1));
  EXPECT_TRUE(all.is_ok());
}

}  // namespace
}  // namespace blockplug::test
