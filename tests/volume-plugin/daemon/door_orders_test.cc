// SPDX-License-Identifier: Apache-2.0
// What the door lets in and what it refuses, on fake rungs and a backend of values.
#include "tests/attach-detach/manager_fixture.h"
#include "volume-plugin/door.h"

namespace blockplug::test {
namespace {

struct Shelf : Backend {
  Result<VolumeInfo> find(const VolumeId& volume) override {
    const auto found = volumes.find(volume);
    if (half_deleted.contains(volume)) return no_effect(Code::DataLoss, "only the name is left");
    if (found == volumes.end()) return no_effect(Code::NotFound, "there is no such volume");
    return found->second;
  }
  Result<std::vector<VolumeInfo>> list() override {
    std::vector<VolumeInfo> all;
    for (const auto& [id, info] : volumes) all.push_back(info);
    return all;
  }
  Result<std::vector<SnapshotInfo>> snapshots(const VolumeId& volume) override { return kept[volume]; }
  Status check_name(const std::string& name) const override {
    return name == "bad" ? Status(no_effect(Code::InvalidArgument, "no name")) : Status(Ok{});
  }
  Attempt perform(const OrderCall&) override { return Done{}; }  // the fake world's is asked
  std::map<VolumeId, VolumeInfo> volumes;
  std::map<VolumeId, std::vector<SnapshotInfo>> kept;
  std::set<VolumeId> half_deleted;
};

struct EveryVm : VmPresence {
  Status check_present(const std::string&) const override { return Ok{}; }
};

class TheDoor : public ManagerTest {
 protected:
  TheDoor() {
    for (const auto* name : {"ceph/v", "other/v"}) {
      const VolumeId id{name};
      shelf.volumes[id] = VolumeInfo{.id = id, .size_bytes = 1 << 20, .image = ImageId("image:v"), .created = {}, .details = {}};
    }
  }
  template <typename T>
  std::function<void(Result<T>)> hear() {
    return [this](const Result<T>& answer) { ++times, said = answer.ok() ? std::nullopt : std::optional{answer.error()}; };
  }
  Code modify(std::optional<std::int64_t> iops, std::optional<std::int64_t> bytes = {}) {
    door.modify({"ceph/v", iops, bytes, "op"}, Time::max(), hear<VolumeInfo>());
    return heard();
  }
  Code fence(const std::string& volume) {
    door.fence({volume, {}, "op"}, Time::max(), [this](const Result<std::vector<std::string>>& answer) {
      ++times, said = answer.ok() ? std::nullopt : std::optional{answer.error()};
      if (answer.ok()) fenced = *answer;
    });
    return heard();
  }
  Code create(Door::Create wanted) {
    wanted.operation = "op";
    door.create(wanted, Time::max(), hear<VolumeInfo>());
    return heard();
  }
  // {}: it is so.
  Code heard() {
    times = 0;
    runner.run();
    EXPECT_EQ(times, 1);
    return said ? said->code : Code{};
  }
  Facts ordered() {  // of the order that waits
    for (const auto& [id, volume] : manager->world().volumes)
      if (!volume.orders.empty()) return volume.orders.back().order.arguments;
    return {};
  }
  void on_host_by(const Facts& map_facts) {
    world.script["raise map"] = {Done{map_facts}};
    world.findings[RungKind::Hold] = world.findings[RungKind::Stage] = {Standing::Up, {}, {}};
    world.findings[RungKind::Map] = {Standing::Up, map_facts, {}};
    attached("ceph/v", "host");
  }

  Shelf shelf;
  EveryVm vms;
  blockplug::Door door{{*manager, runner, {{"ceph", &shelf}, {"other", &shelf}}, vms}};
  int times{};
  std::optional<Error> said;
  std::vector<std::string> fenced;
};

using Door = TheDoor;

TEST_F(Door, ModifyIsRefusedWhereTheHostsMappingCannotLimit) {
  for (const auto& [facts, says] : {std::pair{Facts{}, "attach it to a VM"}, std::pair{Facts{{"mapper", "krbd"}}, "mapper: fuse"}}) {
    on_host_by(facts);
    EXPECT_EQ(modify(500), Code::FailedPrecondition);
    EXPECT_NE(said->message.find(facts.empty() ? "mapper: fuse" : says), std::string::npos) << said->message;
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
    door.remove(volume, "op", Time::max(), hear<Ok>());
    return heard();
  };
  world.script["delete"] = {no_answer()};
  door.remove("ceph/v", "op", Time::max(), hear<Ok>());
  runner.run();
  EXPECT_EQ(ordered(), (Facts{{"image", "image:v"}}));
  runner.pass(std::chrono::minutes(1));
  EXPECT_EQ(remove("ceph/none"), Code{}) << "gone already is fine";
  EXPECT_EQ(world.take_calls(), (Calls{"perform delete of ceph/v", "perform delete of ceph/v"}));
  shelf.half_deleted.insert(VolumeId("ceph/half"));
  world.script["delete"] = {no_answer()};
  door.remove("ceph/half", "op", Time::max(), hear<Ok>());
  runner.run();
  EXPECT_EQ(ordered(), (Facts{{"image", ""}}));
  runner.pass(std::chrono::minutes(1));
  EXPECT_EQ(world.take_calls(), (Calls{"perform delete of ceph/half", "perform delete of ceph/half"}));
}

TEST_F(Door, ModifyReachesWhatCanLimit) {
  on_host_by({{"mapper", "fuse"}});
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
  blockplug::Door::Attach wanted;
  wanted.volume = "ceph/v";
  wanted.vm = "a";
  for (int call = 0; call < 2; ++call) {
    door.attach(wanted, Time::max(), hear<AttachmentReport>());
    EXPECT_EQ(heard(), Code{});
    EXPECT_EQ(manager->explain(key("ceph/v", "vm:a"))->spec.limits, (decltype(Spec::limits){{"iops", 7}}));
    shelf.volumes.at(VolumeId("ceph/v")).limits = {};  // another node's change is no reason to refuse the equal repeat
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

// It died in the middle of that: its hold cannot be proven, nor let go, before somebody finishes the fence.
TEST_F(Door, FenceOfAnotherNodeMayBeFinishedByTheOneThatIsFenced) {
  attached("ceph/v", "vm:a");
  world.findings[RungKind::Hold] = {Standing::Unknown, {}, "it is being fenced by node n2"};
  manager->doubt_volume(VolumeId("ceph/v"));
  runner.run();
  EXPECT_EQ(fence("ceph/v"), Code{}) << said->message;
}

TEST_F(Door, ExpandOfWhatWasFencedIsNoFailureOfTheExpand) {
  attached("ceph/v", "vm:a");
  world.findings[RungKind::Hold] = {Standing::Foreign, {}, "fenced off this node", true};
  manager->doubt_volume(VolumeId("ceph/v"));
  runner.run();
  door.expand("ceph/v", 1 << 21, "op", Time::max(), hear<VolumeInfo>());
  EXPECT_EQ(heard(), Code{}) << said->message;
}

TEST_F(Door, FenceSaysWhoWasShutOut) {
  world.script["fence"] = {Done{{{"fenced", "192.0.2.7:0/1, 192.0.2.8:0/2"}}}, Done{{{"fenced", ""}}}};
  EXPECT_EQ(fence("ceph/v"), Code{});
  EXPECT_EQ(fenced, (std::vector<std::string>{"192.0.2.7:0/1", "192.0.2.8:0/2"}));
  EXPECT_EQ(fence("ceph/v"), Code{});
  EXPECT_TRUE(fenced.empty());
}

TEST_F(Door, ACopyIsOfTheSameBackend) {
  EXPECT_EQ(create({.name = "w", .backend = "other", .operation = {}, .source = "ceph/v"}), Code::InvalidArgument);
  EXPECT_NE(said->message.find("which is of another"), std::string::npos) << said->message;
  EXPECT_EQ(create({.name = "w", .backend = {}, .operation = {}, .source = "none/v"}), Code::NotFound);
  EXPECT_EQ(create({.name = "w", .backend = {}, .operation = {}, .source = "ceph/v@blockplug.x"}), Code::InvalidArgument);
  EXPECT_EQ(create({.name = "bad", .backend = {}, .operation = {}, .source = "ceph/v"}), Code::InvalidArgument);
  EXPECT_EQ(create({.name = "w", .backend = "ceph", .size_bytes = 513, .operation = {}, .source = "ceph/v"}), Code::InvalidArgument);
  EXPECT_EQ(create({.name = "w", .backend = "ceph", .size_bytes = 512, .operation = {}, .is_flattened = true}), Code::InvalidArgument);
  EXPECT_TRUE(world.calls.empty());
}

TEST_F(Door, ACopyIsOrderedFromTheSourcesBackend) {
  world.script["clone"] = {no_answer()};
  door.create({.name = "w", .backend = {}, .size_bytes = 0, .operation = "op", .source = "ceph/v@s", .is_flattened = true},
              Time::max(), hear<VolumeInfo>());
  runner.run();
  EXPECT_EQ(world.calls, (Calls{"perform clone of ceph/w"}));
  EXPECT_EQ(ordered(), (Facts{{"source", "v@s"}, {"flatten", "true"}}));
}

TEST_F(Door, SnapshotsAreNamedCheckedAndListed) {
  shelf.kept[VolumeId("ceph/v")] = {{"s", 1 << 20, {}, {"volumes/w"}}};
  const auto make = [&](const std::string& name) {
    door.create_snapshot("ceph/v", name, "op", Time::max(), hear<blockplug::Door::Snapshot>());
    return heard();
  };
  for (const auto* name : {"", "a b", "a@b", ".a", "blockplug.clone.x"}) EXPECT_EQ(make(name), Code::InvalidArgument) << name;
  EXPECT_TRUE(world.calls.empty());
  EXPECT_EQ(make("s"), Code{});
  std::size_t listed = 0;
  door.list_snapshots({}, [&](const Result<blockplug::Door::SnapshotListing>& all) { listed = all->snapshots.size(); });
  runner.run();
  EXPECT_EQ(listed, 2U) << "each backend tells all that is on the one shelf";
  const auto remove = [&](const std::string& id) {
    door.delete_snapshot(id, "op", Time::max(), hear<Ok>());
    return heard();
  };
  EXPECT_EQ(remove("ceph/v"), Code::InvalidArgument);
  world.script["snapshot"] = {no_effect(Code::FailedPrecondition, "snapshot 's' has clones: volumes/w"), no_effect(Code::NotFound, "no volume")};
  EXPECT_EQ(remove("ceph/v@s"), Code::FailedPrecondition);
  EXPECT_EQ(remove("ceph/v@s"), Code{}) << "gone with its volume";
}

}  // namespace
}  // namespace blockplug::test
