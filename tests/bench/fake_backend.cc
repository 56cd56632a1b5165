// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/fake_backend.h"

namespace blockplug::bench {
namespace {

using std::chrono::seconds;
constexpr std::int64_t kSizeBytes = std::int64_t{1} << 30;
constexpr const char* kBootId = "0c7a2b52-1f4e-4a53-9d7e-8b2f5c6d7e8f";

ImageId image_of(const VolumeId& volume) { return ImageId("fake:" + name_of(volume)); }

// As many and as long as those of the real rungs: memory is measured with them.
Facts facts_of(RungKind kind, const AttachmentKey& key) {
  const auto name = name_of(key.volume);
  if (kind == RungKind::Hold)
    return {{"image", image_of(key.volume).str()},
            {"path", "/var/lib/blockplug/volumes/" + name + ".raw"},
            {"size_bytes", std::to_string(kSizeBytes)},
            {"boot", kBootId},
            {"direct", "true"}};
  Facts facts{{"pid", "1234567"}, {"start_time", "123456789"}, {"boot_id", kBootId}};
  if (kind == RungKind::Open) {
    facts["node"] = "bp-abcdefghijklmnopqrstuvwxyz";
  } else {
    facts["device"] = "bp.local." + name;
    facts["serial"] = name;
    facts["bus"] = "scsi0.0";
    facts["scsi_id"] = "17";
    facts["pci"] = "0000:00:05.0";
  }
  return facts;
}

class FakeBackend : public Backend {
 public:
  Result<VolumeInfo> find(const VolumeId& volume) override { return VolumeInfo{volume, kSizeBytes, image_of(volume), {}, {}}; }
  Result<std::vector<VolumeInfo>> list() override { return std::vector<VolumeInfo>{}; }
  Status check_name(const std::string&) const override { return Ok{}; }
  Attempt perform(const OrderCall&) override { return Done{}; }
};

class FakeRung : public Rung {
 public:
  explicit FakeRung(RungKind kind) : kind_(kind) {}
  Attempt raise(const Call& call) override { return Done{facts_of(kind_, call.key)}; }
  Attempt lower(const Call&) override { return Done{}; }
  Finding probe(const Call& call) override { return {call.before.empty() ? Standing::Down : Standing::Up, call.before, {}}; }
  std::vector<Found> survey() override { return {}; }

 private:
  RungKind kind_;
};

BackendParts make(const std::string& name) {
  BackendParts parts;
  parts.name = name;
  parts.backend = std::make_unique<FakeBackend>();
  for (auto plan : rung_limits()) {
    parts.rungs.push_back(std::make_unique<FakeRung>(plan.kind));
    plan.rung = parts.rungs.back().get();
    parts.ladders["vm"].trunk.push_back(plan);
  }
  return parts;
}

}  // namespace

Result<std::vector<BackendParts>> make_fake_backends(const Config& config, const Machine&) {
  std::vector<BackendParts> all;
  for (const auto& [name, backend] : config.backends) all.push_back(make(name));
  return all;
}

Volume attached_volume(const AttachmentKey& key, std::int64_t wish_number) {
  Volume volume;
  volume.id = key.volume;
  volume.image = image_of(key.volume);
  auto& attachment = volume.attachments[key.target];
  attachment.key = key;
  attachment.wish.attached = true;
  attachment.wish.spec.size_bytes = kSizeBytes;
  attachment.wish.boot_id = kBootId;
  attachment.wish_number = wish_number;
  attachment.ever_complete = true;
  attachment.raised_as = Access::ReadWrite;
  attachment.first_wished = WallClock::now();
  for (const auto& plan : rung_limits()) {
    auto& record = attachment.rungs[{plan.kind, {}}];
    record.mark = Mark::Up;
    record.facts = facts_of(plan.kind, key);
    record.since = attachment.first_wished;
  }
  return volume;
}

}  // namespace blockplug::bench
