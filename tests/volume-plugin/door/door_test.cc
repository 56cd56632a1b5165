// SPDX-License-Identifier: Apache-2.0
// Which orders the door accepts and refuses, with fake rungs and an in-memory backend.
#include "tests/volume-plugin/door/door_fixture.h"

namespace blockplug::test {
namespace {

using Door = TheDoor;

TEST_F(Door, ModifyIsRefusedWhereTheHostsMappingCannotLimit) {
  for (const auto& [facts, says] :
       {std::pair{Facts{}, "by a mapper, which does not support limits: attach it to a VM"},
        std::pair{Facts{{"device.mapper", "krbd"}}, "by krbd, which does not support limits: attach it to a VM"}}) {
    on_host_by(facts);
    EXPECT_EQ(modify(500), Code::FailedPrecondition);
    EXPECT_NE(said->message.find(says), std::string::npos) << said->message;
    EXPECT_TRUE(world.take_calls().empty()) << "nothing was changed";
    world.script["modify"] = {Done{}};
    EXPECT_EQ(modify(0), Code{}) << "what is not limited may stay so";
    detach("ceph/v", "host");
    runner.run();
    (void)world.take_calls();
  }
}

TEST_F(Door, DeleteNamesTheImageAndOfAHalfDeletedVolumeNone) {
  const auto remove = [&](const std::string& volume) {
    door.volumes().remove(volume, "op", Time::max(), hear<Ok>());
    return heard();
  };
  world.script["delete"] = {no_answer()};
  door.volumes().remove("ceph/v", "op", Time::max(), hear<Ok>());
  runner.run();
  EXPECT_EQ(ordered(), (Facts{{"image", "image:v"}}));
  runner.pass(std::chrono::minutes(1));
  EXPECT_EQ(remove("ceph/none"), Code{}) << "gone already is fine";
  EXPECT_EQ(world.take_calls(), (Calls{"perform delete of ceph/v", "perform delete of ceph/v"}));
  shelf.half_deleted.insert(VolumeId("ceph/half"));
  world.script["delete"] = {no_answer()};
  door.volumes().remove("ceph/half", "op", Time::max(), hear<Ok>());
  runner.run();
  EXPECT_EQ(ordered(), (Facts{{"image", ""}}));
  runner.pass(std::chrono::minutes(1));
  EXPECT_EQ(world.take_calls(), (Calls{"perform delete of ceph/half", "perform delete of ceph/half"}));
}

// The name goes first, and a large image's data minutes later.
TEST_F(Door, ADeletionThatIsNotOverIsJoinedAlsoWhereTheNameIsGone) {
  world.script["delete"] = {Waiting{"the data is being removed", std::nullopt}, Done{}};
  door.volumes().remove("ceph/v", "op", Time::max(), [](const auto&) {});
  runner.run();
  shelf.volumes.erase(VolumeId("ceph/v"));
  times = 0;
  door.volumes().remove("ceph/v", "op", Time::max(), hear<Ok>());
  runner.run();
  EXPECT_EQ(times, 1);
  EXPECT_FALSE(said);
  EXPECT_EQ(world.take_calls(), (Calls{"perform delete of ceph/v", "perform delete of ceph/v"}));
}

TEST_F(Door, ModifyReachesWhatCanLimit) {
  on_host_by({{"device.mapper", "another"}, {"device.can_limit", "true"}});
  world.script["modify"] = {Done{{{"limit.iops", "500"}}}};
  EXPECT_EQ(modify(500), Code{}) << said->message;
  EXPECT_EQ(manager->explain(key("ceph/v", "host"))->spec.limits, (decltype(Spec::limits){{"iops", 500}}));
}

TEST_F(Door, ModifyChecksWhatItIsTold) {
  EXPECT_EQ(modify({}), Code::InvalidArgument);
  EXPECT_EQ(modify(-1), Code::OutOfRange);
  EXPECT_EQ(modify({}, 1'000'000'000'001), Code::OutOfRange);
  EXPECT_TRUE(world.calls.empty());
  shelf.volumes.erase(VolumeId("ceph/v"));
  EXPECT_EQ(modify(5), Code::NotFound);
}

TEST_F(Door, AttachTakesTheVolumesLimits) {
  shelf.volumes.at(VolumeId("ceph/v")).limits = {{"iops", 7}};
  const WantedAttachment wanted{.volume = "ceph/v", .target = TargetId("vm:a")};
  for (int call = 0; call < 2; ++call) {
    door.attachments().attach(wanted, Time::max(), hear<AttachmentReport>());
    EXPECT_EQ(heard(), Code{});
    EXPECT_EQ(manager->explain(key("ceph/v", "vm:a"))->spec.limits, (decltype(Spec::limits){{"iops", 7}}));
    shelf.volumes.at(VolumeId("ceph/v")).limits = {};  // another node's change must not cause a refusal of an identical repeat
  }
}

TEST_F(Door, FenceIsForOtherNodesAlsoUnderAnotherName) {
  attached("ceph/v", "vm:a");
  for (const auto* volume : {"ceph/v", "other/v"}) {
    EXPECT_EQ(fence(volume), Code::FailedPrecondition);
    EXPECT_NE(said->message.find("ceph/v to vm:a"), std::string::npos) << said->message;
  }
  EXPECT_TRUE(world.calls.empty());
  EXPECT_EQ(fence("ceph/none"), Code::NotFound);
}

// It crashed during the fence: its hold can be neither verified nor released until the fence is finished.
TEST_F(Door, FenceOfAnotherNodeMayBeFinishedByTheOneThatIsFenced) {
  attached("ceph/v", "vm:a");
  world.findings[rungs::kHold] = {Standing::Unknown, {}, "it is being fenced by node n2"};
  manager->doubt_volume(VolumeId("ceph/v"));
  runner.run();
  EXPECT_EQ(fence("ceph/v"), Code{}) << said->message;
}

TEST_F(Door, ExpandOfWhatWasFencedIsNoFailureOfTheExpand) {
  attached("ceph/v", "vm:a");
  world.findings[rungs::kHold] = {Standing::Foreign, {}, "fenced off this node", true};
  manager->doubt_volume(VolumeId("ceph/v"));
  runner.run();
  door.changes().expand("ceph/v", 1 << 21, "op", Time::max(), hear<VolumeInfo>());
  EXPECT_EQ(heard(), Code{}) << said->message;
}

TEST_F(Door, FenceSaysWhoWasShutOut) {
  world.script["fence"] = {Done{{{"fenced", "192.0.2.7:0/1, 192.0.2.8:0/2"}}}, Done{{{"fenced", ""}}}};
  EXPECT_EQ(fence("ceph/v"), Code{});
  EXPECT_EQ(fenced, (std::vector<std::string>{"192.0.2.7:0/1", "192.0.2.8:0/2"}));
  EXPECT_EQ(fence("ceph/v"), Code{});
  EXPECT_TRUE(fenced.empty());
}

TEST_F(Door, CancelsAVolumesOrdersWhereItsBackendDoesNotAnswer) {
  const auto cancel = [&](const std::string& volume) {
    door.changes().cancel_orders(volume, Time::max(), hear<CancelledOrders>());
    return heard();
  };
  world.script["fence"] = {no_answer(), no_answer()};
  door.changes().fence({"ceph/v", {}, "op"}, Time::max(), [](const Result<std::vector<std::string>>&) {});
  runner.run();
  ASSERT_EQ(manager->queue().size(), 1U);
  shelf.volumes.clear();
  EXPECT_EQ(cancel("ceph/v"), Code{});
  EXPECT_TRUE(manager->queue().empty());
  EXPECT_EQ(cancel("ceph/v"), Code{}) << "there is none: so be it";
  EXPECT_EQ(cancel("none/v"), Code::NotFound);
}

TEST_F(Door, ACopyIsOfTheSameBackend) {
  EXPECT_EQ(create({.name = "w", .backend = "other", .operation = {}, .source = "ceph/v"}), Code::InvalidArgument);
  EXPECT_NE(said->message.find("which is in another backend"), std::string::npos) << said->message;
  EXPECT_EQ(create({.name = "w", .backend = {}, .operation = {}, .source = "none/v"}), Code::NotFound);
  EXPECT_EQ(create({.name = "w", .backend = {}, .operation = {}, .source = "ceph/v@blockplug.x"}), Code::InvalidArgument);
  EXPECT_EQ(create({.name = "bad", .backend = {}, .operation = {}, .source = "ceph/v"}), Code::InvalidArgument);
  EXPECT_EQ(create({.name = "w", .backend = "ceph", .size_bytes = 513, .operation = {}, .source = "ceph/v"}),
            Code::InvalidArgument);
  EXPECT_EQ(create({.name = "w", .backend = "ceph", .size_bytes = 512, .operation = {}, .is_flattened = true}),
            Code::InvalidArgument);
  EXPECT_TRUE(world.calls.empty());
}

TEST_F(Door, ACopyIsOrderedFromTheSourcesBackend) {
  world.script["clone"] = {no_answer()};
  door.volumes().create(
      {.name = "w", .backend = {}, .size_bytes = 0, .operation = "op", .source = "ceph/v@s", .is_flattened = true}, Time::max(),
      hear<VolumeInfo>());
  runner.run();
  EXPECT_EQ(world.calls, (Calls{"perform clone of ceph/w"}));
  EXPECT_EQ(ordered(), (Facts{{"source", "v@s"}, {"flatten", "true"}}));
}

TEST_F(Door, SnapshotsAreNamedCheckedAndListed) {
  shelf.kept[VolumeId("ceph/v")] = {{"s", 1 << 20, {}, {"volumes/w"}}};
  const auto make = [&](const std::string& name) {
    door.snapshots().create("ceph/v", name, "op", Time::max(), hear<SnapshotDoor::Snapshot>());
    return heard();
  };
  for (const auto* name : {"", "a b", "a@b", ".a", "blockplug.clone.x"}) EXPECT_EQ(make(name), Code::InvalidArgument) << name;
  EXPECT_TRUE(world.calls.empty());
  EXPECT_EQ(make("s"), Code{});
  std::size_t listed = 0;
  door.snapshots().list({}, [&](const Result<SnapshotDoor::Listing>& all) { listed = all->snapshots.size(); });
  runner.run();
  EXPECT_EQ(listed, 2U) << "each backend tells all that is on the one shelf";
  const auto remove = [&](const std::string& id) {
    door.snapshots().remove(id, "op", Time::max(), hear<Ok>());
    return heard();
  };
  EXPECT_EQ(remove("ceph/v"), Code::InvalidArgument);
  world.script["snapshot"] = {no_effect(Code::FailedPrecondition, "snapshot 's' has clones: volumes/w"),
                              no_effect(Code::NotFound, "no volume")};
  EXPECT_EQ(remove("ceph/v@s"), Code::FailedPrecondition);
  EXPECT_EQ(remove("ceph/v@s"), Code{}) << "gone with its volume";
}

}  // namespace
}  // namespace blockplug::test
