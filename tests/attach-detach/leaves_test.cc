// SPDX-License-Identifier: Apache-2.0
// Several leaves on one trunk: each has its own callers and its own fate.
#include "tests/attach-detach/manager_fixture.h"
#include "tests/attach-detach/rungs.h"

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

// Seen after a reboot: the inner one came first, and the outer one found its directory "not empty" for ever.
TEST_F(Leaves, OfNestedPathsTheOuterOneIsRaisedFirstAfterAReboot) {
  attach(with_leaf(request("local/zz", "host"), "/srv/a"));
  runner.run();
  attach(with_leaf(request("local/aa", "host"), "/srv/a/b/c"));
  attach(with_leaf(request("local/bb", "host"), "/srv/ab"));
  runner.run();
  world.up.clear();
  (void)world.take_calls();
  crash("boot-2");
  runner.run();
  Calls raised;
  for (const auto& call : world.take_calls())
    if (call.starts_with("raise publish")) raised.push_back(call);
  EXPECT_EQ(raised, (Calls{"raise publish /srv/ab of local/bb to host", "raise publish /srv/a of local/zz to host",
                           "raise publish /srv/a/b/c of local/aa to host"}));
}

TEST_F(Leaves, AnInnerPathWaitsForTheOuterOneAndGoesOnWhereThatIsWantedNoMore) {
  const auto later = [&] { return no_effect(Code::Unavailable, "the device is not there yet"); };
  world.script["raise map"] = {later(), later(), later(), later(), later(), later()};
  attach(with_leaf(request("local/v", "host"), "/srv/a"));
  runner.run();
  world.script["raise map"] = {};
  auto& inner = attach(with_leaf(request("local/w", "host"), "/srv/a/b"));
  runner.run();
  EXPECT_EQ(inner.times, 0);
  EXPECT_NE(summary(*manager->explain(key("local/w", "host"))).find("it is inside /srv/a, where local/v is to be mounted first"),
            std::string::npos);
  detach("local/v", "host");
  runner.run();
  EXPECT_TRUE(inner.is_ok());
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

TEST_F(Leaves, AttachOfALeafOverridesItsDetach) {
  attach_leaf("/p");
  attach_leaf("/q");
  runner.run();
  world.script["lower publish"] = {Waiting{"it is in use", std::nullopt}};
  auto& down = detach("local/v", "host", "/q");
  runner.run();
  EXPECT_EQ(down.times, 0);
  auto& up = attach_leaf("/q");
  runner.run();
  EXPECT_EQ(down.times, 1);
  EXPECT_EQ(down.code(), Code::Aborted) << "and not silence until its deadline";
  manager->doubt_volume(VolumeId("local/v"));
  runner.run();
  EXPECT_TRUE(up.is_ok());
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

TEST_F(Leaves, OneThatIsNotThereTakesNoTrunkThatSomebodyWanted) {
  attached("local/v", "host");
  auto& other = detach("local/v", "host", "/other");
  runner.run();
  EXPECT_TRUE(other.is_ok());
  EXPECT_EQ(state("local/v", "host"), State::Attached);
  EXPECT_EQ(world.up.size(), 3U);
}

TEST_F(Leaves, AFinalErrorOfTheOnlyLeafLeavesATrunkThatSomebodyElseWaitsFor) {
  world.script["raise publish"] = {no_effect(Code::InvalidArgument, "the path is a file")};
  auto& leaf = attach_leaf("/p");
  auto& trunk = attach("local/v", "host");
  runner.run();
  EXPECT_EQ(leaf.code(), Code::InvalidArgument);
  EXPECT_TRUE(trunk.is_ok());
  EXPECT_EQ(state("local/v", "host"), State::Attached);
}

// /a was up, and is taken away while /b is still on its way. Then /b fails for good.
class TheLastLeaf : public Leaves {
 protected:
  Heard& detach_a_before_b_is_up(Trunk trunk) {
    attach_leaf("/a");
    runner.run();
    world.script["raise publish"] = {no_answer(), no_answer()};
    auto& b = attach_leaf("/b");
    runner.run();
    EXPECT_EQ(b.times, 0);
    EXPECT_EQ(state("local/v", "host"), State::Attaching);
    auto& a = detach("local/v", "host", "/a", trunk);
    runner.run();
    EXPECT_TRUE(a.is_ok());
    EXPECT_EQ(b.times, 0);
    world.script["raise publish"] = {no_effect(Code::InvalidArgument, "the path is a file")};
    return b;
  }
};

TEST_F(TheLastLeaf, TakesTheTrunkWithItWhenItFails) {
  auto& b = detach_a_before_b_is_up(Trunk::GoesWithLastLeaf);
  runner.pass(std::chrono::seconds(10));
  EXPECT_EQ(b.code(), Code::InvalidArgument);
  EXPECT_TRUE(world.up.empty());
  EXPECT_FALSE(is_known("local/v", "host"));
}

TEST_F(TheLastLeaf, LeavesATrunkThatWasToldToStay) {
  auto& b = detach_a_before_b_is_up(Trunk::Stays);
  runner.pass(std::chrono::seconds(10));
  EXPECT_EQ(b.code(), Code::InvalidArgument);
  EXPECT_EQ(b.times, 1);
  EXPECT_EQ(state("local/v", "host"), State::Attached);
  EXPECT_EQ(world.up.size(), 3U);
}

TEST_F(TheLastLeaf, LeavesATrunkThatSomebodyWantsWithoutAny) {
  auto& b = detach_a_before_b_is_up(Trunk::GoesWithLastLeaf);
  auto& trunk = attach("local/v", "host");
  world.script["raise publish"] = {no_answer(), no_effect(Code::InvalidArgument, "the path is a file")};
  runner.pass(std::chrono::seconds(10));
  EXPECT_EQ(b.code(), Code::InvalidArgument);
  EXPECT_TRUE(trunk.is_ok());
  EXPECT_EQ(state("local/v", "host"), State::Attached);
}

// Its caller may have heard that it is so: it stays desired, and the trunk for it.
TEST_F(TheLastLeaf, StaysDesiredOverARestartAndTakesTheTrunkWithItWhenItIsDetached) {
  detach_a_before_b_is_up(Trunk::GoesWithLastLeaf);
  crash();
  runner.run();
  ASSERT_TRUE(is_known("local/v", "host"));
  EXPECT_EQ(manager->explain(key("local/v", "host"))->leaves.size(), 1U);
  runner.pass(std::chrono::minutes(1));
  EXPECT_EQ(state("local/v", "host"), State::Attached);
  EXPECT_EQ(world.up.size(), 4U);
  detach("local/v", "host", "/b");
  runner.run();
  EXPECT_TRUE(world.up.empty());
}

class Force : public Leaves {
 protected:
  Force() {
    world.on_call = [this](const Call& call) {
      if (call.rung.kind == rungs::kGuestMount) because.push_back(call.lower_reason);
    };
  }
  Heard& detach_by_force() {
    auto& heard = heard_by_force.emplace_back();
    const auto accepted =
        manager->detach({key("local/v", "vm:a"), {}, Trunk::GoesWithLastLeaf, "op", true}, [&heard](const Status& status) {
          ++heard.times;
          if (!status.ok()) heard.error = status.error();
        });
    EXPECT_TRUE(accepted.ok());
    return heard;
  }
  std::list<Heard> heard_by_force;
  std::vector<LowerReason> because;
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
  EXPECT_EQ(because, (std::vector{LowerReason::NotWanted, LowerReason::Forced, LowerReason::NotWanted, LowerReason::NotWanted}));
}

TEST_F(Force, HelpsADetachThatIsUnderWayEvenAfterACrash) {
  attach(with_leaf(request("local/v", "vm:a"), "/p"));
  runner.run();
  world.script["lower guest-mount"] = {no_answer(), no_answer(), no_answer(), no_answer()};
  auto& polite = detach("local/v", "vm:a");
  runner.run();
  world.findings[rungs::kGuestMount] = {Standing::Unknown, {}, "the guest agent does not answer"};
  runner.pass(std::chrono::seconds(5));
  EXPECT_EQ(polite.times, 0);
  world.script.clear();
  because.clear();
  detach_by_force();
  crash();
  runner.run();
  EXPECT_TRUE(world.up.empty());
  ASSERT_FALSE(because.empty());
  EXPECT_EQ(because.back(), LowerReason::Forced);
}

TEST_F(Leaves, ASecondStagingPathIsRefused) {
  auto made = with_leaf(request("local/v", "host"), "/p");
  made.spec.staging_path = "/staging/a";
  attach(made);
  runner.run();
  made.spec.staging_path = "/staging/b";
  auto& other = attach(made);
  EXPECT_EQ(other.code(), Code::AlreadyExists);
  EXPECT_EQ(
      other.error->message,
      "attach local/v to host: it is attached there already, with staging path /staging/a. Detach it first, or ask for the same");
}

}  // namespace
}  // namespace blockplug::test
