// SPDX-License-Identifier: Apache-2.0
#pragma once
// A door before a Volume Manager on fake rungs, and a backend of values.
#include "hotplug/rungs.h"
#include "tests/attach-detach/manager_fixture.h"
#include "volume-plugin/door/door.h"

namespace blockplug::test {

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
  Attempt perform(const OrderCall&) override { return Done{}; }  // not used: the fake world's performer is
  std::map<VolumeId, VolumeInfo> volumes;
  std::map<VolumeId, std::vector<SnapshotInfo>> kept;
  std::set<VolumeId> half_deleted;
};

struct SomeTargets : Targets {
  Status serves(const TargetId& target) const override {
    return foreign == target ? Status(no_effect(Code::FailedPrecondition, "another daemon's")) : Status(Ok{});
  }
  Status check_present(const TargetId& target) const override {
    return absent == target ? Status(no_effect(Code::NotFound, "it does not exist")) : Status(Ok{});
  }
  Result<mount::Usage> usage(const AttachmentKey&, const std::string& path, const std::string& number, Time) override {
    asked = path + " " + number;
    return fill;
  }
  TargetId foreign, absent;
  Result<mount::Usage> fill{mount::Usage{}};
  std::string asked;
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
    door.changes().modify({"ceph/v", iops, bytes, "op"}, Time::max(), hear<VolumeInfo>());
    return heard();
  }
  Code fence(const std::string& volume) {
    door.changes().fence({volume, {}, "op"}, Time::max(), [this](const Result<std::vector<std::string>>& answer) {
      ++times, said = answer.ok() ? std::nullopt : std::optional{answer.error()};
      if (answer.ok()) fenced = *answer;
    });
    return heard();
  }
  Code create(VolumeDoor::Create wanted) {
    wanted.operation = "op";
    door.volumes().create(wanted, Time::max(), hear<VolumeInfo>());
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
    world.findings[rungs::kHold] = world.findings[rungs::kStage] = {Standing::Up, {}, {}};
    world.findings[rungs::kMap] = {Standing::Up, map_facts, {}};
    attached("ceph/v", "host");
  }

  Shelf shelf;
  SomeTargets targets;
  blockplug::Door door{{*manager, runner, world, {{"ceph", &shelf}, {"other", &shelf}}, targets}};
  int times{};
  std::optional<Error> said;
  std::vector<std::string> fenced;
};

}  // namespace blockplug::test
