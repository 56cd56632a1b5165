// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/fake_backend.h"

#include <algorithm>

#include "attach-detach/roles.h"
#include "hotplug/rungs.h"

namespace blockplug::bench {
namespace {

using std::chrono::seconds;
constexpr std::int64_t kSizeBytes = std::int64_t{1} << 30;
constexpr const char* kBootId = "0c7a2b52-1f4e-4a53-9d7e-8b2f5c6d7e8f";

ImageId image_of(const VolumeId& volume) { return ImageId("fake:" + name_of(volume)); }

// The production ladder to this kind of target, "vm" or "host".
std::vector<RungKind> trunk_of(const std::string& target) {
  if (target == "host") return {rungs::kHold, rungs::kMap, rungs::kStage};
  return {rungs::kHold, rungs::kOpen, rungs::kPlug};
}

Facts facts_of_hold(const AttachmentKey& key) {
  return {{roles::kImageId, image_of(key.volume).str()},
          {roles::kImagePath, "/var/lib/blockplug/volumes/" + name_of(key.volume) + ".raw"},
          {roles::kImageSizeBytes, std::to_string(kSizeBytes)},
          {roles::kImageBoot, kBootId},
          {roles::kImageDirect, "true"}};
}

Facts facts_on_host(RungKind kind) {
  const auto size_bytes = std::to_string(kSizeBytes);
  if (kind == rungs::kMap)
    return {{roles::kDevicePath, "/dev/loop17"},
            {roles::kDeviceNumber, "7:17"},
            {roles::kDeviceDirect, "true"},
            {roles::kDeviceSizeBytes, size_bytes}};
  Facts facts{{roles::kMountDevice, "/dev/loop17"},
              {roles::kMountNumber, "7:17"},
              {roles::kMountPath, "/run/blockplug/somewhere/local/data-1"}};
  if (kind == rungs::kStage)
    facts.insert({{roles::kMountFilesystem, "ext4"}, {roles::kMountUuid, kBootId}, {roles::kMountSizeBytes, size_bytes}});
  return facts;
}

Facts facts_at_vm(RungKind kind, const std::string& name) {
  Facts facts{{roles::kProcessPid, "1234567"}, {roles::kProcessStart, "123456789"}, {roles::kProcessBoot, kBootId}};
  if (kind == rungs::kOpen) facts[roles::kNodeName] = "bp-abcdefghijklmnopqrstuvwxyz";
  if (kind == rungs::kPlug)
    facts.insert({{roles::kGuestDevice, "bp.local." + name},
                  {roles::kGuestSerial, name},
                  {roles::kGuestBus, "scsi0.0"},
                  {roles::kGuestScsiId, "17"},
                  {roles::kGuestPci, "0000:00:05.0"}});
  if (kind == rungs::kGuestMount)
    facts.insert({{roles::kGuestDisk, "/dev/sda"},
                  {roles::kMountFilesystem, "ext4"},
                  {roles::kMountSizeBytes, std::to_string(kSizeBytes)},
                  {roles::kMountMade, "/srv"}});
  return facts;
}

// As many and as long as those of the real rungs: memory is measured with them.
Facts facts_of(RungKind kind, const AttachmentKey& key) {
  if (kind == rungs::kHold) return facts_of_hold(key);
  return key.target.str() == "host" ? facts_on_host(kind) : facts_at_vm(kind, name_of(key.volume));
}

class FakeBackend : public Backend {
 public:
  Result<VolumeInfo> find(const VolumeId& volume) override { return VolumeInfo{volume, kSizeBytes, image_of(volume), {}, {}}; }
  Result<std::vector<VolumeInfo>> list() override { return std::vector<VolumeInfo>{}; }
  Result<std::vector<SnapshotInfo>> snapshots(const VolumeId&) override { return std::vector<SnapshotInfo>{}; }
  Status check_name(const std::string&) const override { return Ok{}; }
  Attempt perform(const OrderCall&) override { return Done{}; }
};

class FakeRung : public Rung {
 public:
  explicit FakeRung(RungKind kind) : kind_(kind) {}
  Attempt raise(const Call& call) override { return Done{facts_of(kind_, call.key)}; }
  Attempt lower(const Call&) override { return Done{}; }
  Finding probe(const Call& call) override { return {call.before.empty() ? Standing::Down : Standing::Up, call.before, {}}; }
  Survey survey(Time) override { return {}; }

 private:
  RungKind kind_;
};

BackendParts make(const std::string& name) {
  BackendParts parts;
  parts.name = name;
  parts.backend = std::make_unique<FakeBackend>();
  const auto trunk = trunk_of("vm");
  for (auto plan : rung_limits()) {
    if (std::ranges::find(trunk, plan.kind) == trunk.end()) continue;
    parts.rungs.push_back(std::make_unique<FakeRung>(plan.kind));
    plan.rung = parts.rungs.back().get();
    parts.ladders["vm"].trunk.push_back(plan);
  }
  return parts;
}

}  // namespace

Result<std::vector<BackendParts>> make_fake_backends(const Config& config, const std::optional<Machine>&) {
  std::vector<BackendParts> all;
  for (const auto& [name, backend] : config.backends) all.push_back(make(name));
  return all;
}

Volume attached_volume(const AttachmentKey& key, std::int64_t desired_number, const std::optional<RungId>& leaf) {
  Volume volume;
  volume.id = key.volume;
  volume.image = image_of(key.volume);
  auto& attachment = volume.attachments[key.target];
  attachment.key = key;
  attachment.desired.attached = true;
  attachment.desired.spec.size_bytes = kSizeBytes;
  attachment.desired.boot_id = kBootId;
  attachment.desired_number = desired_number;
  attachment.ever_complete = true;
  attachment.raised_as = Access::ReadWrite;
  attachment.first_desired = WallClock::now();
  const auto put_up = [&](const RungId& id) {
    auto& record = attachment.rungs[id];
    record.state = RungState::Up;
    record.facts = facts_of(id.kind, key);
    record.since = attachment.first_desired;
  };
  for (const auto& kind : trunk_of(key.target.str())) put_up({kind, {}});
  if (leaf) {
    attachment.desired.leaves[*leaf] = {};
    put_up(*leaf);
  }
  return volume;
}

}  // namespace blockplug::bench
