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

TEST_F(Leaves, ATrunkThatGoesOnlyBareIsRefusedNamingThem) {
  attach_leaf("/p");
  attach_leaf("/q");
  runner.run();
  auto& refused = detach("local/v", "host", "", Trunk::GoesOnlyBare);
  EXPECT_EQ(refused.code(), Code::FailedPrecondition);
  EXPECT_EQ(refused.error->message, "detach local/v to host: it is still published at /p, /q. Take it from there first");
  EXPECT_EQ(state("local/v", "host"), State::Attached);
  detach("local/v", "host", "/p", Trunk::Stays);
  detach("local/v", "host", "/q", Trunk::Stays);
  EXPECT_EQ(detach("local/v", "host", "", Trunk::GoesOnlyBare).code(), Code::FailedPrecondition);  // on its way down is not down
  runner.run();
  auto& bare = detach("local/v", "host", "", Trunk::GoesOnlyBare);
  runner.run();
  EXPECT_TRUE(bare.is_ok());
  EXPECT_FALSE(is_known("local/v", "host"));
}

class Force : public Leaves {
 protected:
  Force() {
    world.on_call = [this](const Call& call) {
      if (call.rung.kind == RungKind::GuestMount) because.push_back(call.because);
    };
  }
  Heard& detach_by_force() {
    auto& heard = heard_by_force.emplace_back();
    const auto accepted = manager->detach({key("local/v", "vm:a"), {}, Trunk::GoesWithLastLeaf, "op", true}, [&heard](const Status& status) {
      ++heard.times;
      if (!status.ok()) heard.error = status.error();
    });
    EXPECT_TRUE(accepted.ok());
    return heard;
  }
  std::list<Heard> heard_by_force;
  std::vector<Because> because;
};

TEST_F(Force, TellsTheRungAndEndsWithTheNextAttach) {
  attach(with_leaf(request("local/v", "vm:a"), "/p"));
  runner.run();
  auto& forced = detach_by_force();
  runner.run();
  EXPECT_TRUE(forced.is_ok());
  attach(with_leaf(request("local/v", "vm:a"), "/p"));
  runner.run();
  detach("local/v", "vm:a");
  runner.run();
  EXPECT_EQ(because, (std::vector{Because::Unwished, Because::Forced, Because::Unwished, Because::Unwished}));
}

TEST_F(Force, HelpsADetachThatIsUnderWayEvenAfterACrash) {
  attach(with_leaf(request("local/v", "vm:a"), "/p"));
  runner.run();
  world.script["lower guest-mount"] = {no_answer(), no_answer(), no_answer(), no_answer()};
  auto& polite = detach("local/v", "vm:a");
  runner.run();
  world.findings[RungKind::GuestMount] = {Standing::Unknown, {}, "the guest agent does not answer"};
  runner.pass(std::chrono::seconds(5));
  EXPECT_EQ(polite.times, 0);
  world.script.clear();
  because.clear();
  detach_by_force();
  crash();
  runner.run();
  EXPECT_TRUE(world.up.empty());
  ASSERT_FALSE(because.empty());
  EXPECT_EQ(because.back(), Because::Forced);
}

TEST_F(Leaves, ASecondStagingPathIsRefused) {
  auto made = with_leaf(request("local/v", "host"), "/p");
  made.spec.staging_path = "/staging/a";
  attach(made);
  runner.run();
  made.spec.staging_path = "/staging/b";
  auto& other = attach(made);
  EXPECT_EQ(other.code(), Code::AlreadyExists);
  EXPECT_EQ(other.error->message,
            "attach local/v to host: it is attached there already, mounted at /staging/a. Detach it first, or ask for the same");
}

}  // namespace
}  // namespace blockplug::test
