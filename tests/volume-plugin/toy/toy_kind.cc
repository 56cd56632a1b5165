// SPDX-License-Identifier: Apache-2.0
#include "tests/volume-plugin/toy/toy_kind.h"

#include <mutex>
#include <set>

#include "hotplug/rungs.h"
#include "volume-plugin/daemon/backend_parts.h"

namespace blockplug::toy {
namespace {

const RungKind kToyThing{"toy-thing"};  // it is out of the box
constexpr std::int64_t kSizeBytes = 1 << 20;

// What is in the box, and what is out of it and where. Workers of several lanes come here.
class Box {
 public:
  explicit Box(const std::vector<std::string>& things) : things_(things.begin(), things.end()) {}
  std::set<std::string> things() const {
    const std::lock_guard lock(mutex_);
    return things_;
  }
  void put(const std::string& name, bool is_there) {
    const std::lock_guard lock(mutex_);
    is_there ? (void)things_.insert(name) : (void)things_.erase(name);
  }
  void take_out(const AttachmentKey& key, const RungId& rung, bool is_out) {
    const std::lock_guard lock(mutex_);
    is_out ? (void)out_.insert({key, rung}) : (void)out_.erase({key, rung});
  }
  bool is_out(const AttachmentKey& key, const RungId& rung) const {
    const std::lock_guard lock(mutex_);
    return out_.contains({key, rung});
  }

 private:
  mutable std::mutex mutex_;  // guards all
  std::set<std::string> things_;
  std::set<std::pair<AttachmentKey, RungId>> out_;
};

class ToyBackend : public Backend {
 public:
  ToyBackend(std::string name, std::shared_ptr<Box> box) : name_(std::move(name)), box_(std::move(box)) {}
  Result<VolumeInfo> find(const VolumeId& volume) override {
    if (!box_->things().contains(name_of(volume))) return no_effect(Code::NotFound, "there is no such thing in the box");
    return VolumeInfo{
        .id = volume, .size_bytes = kSizeBytes, .image = ImageId("toy:" + volume.str()), .created = {}, .details = {}};
  }
  Result<std::vector<VolumeInfo>> list() override {
    std::vector<VolumeInfo> all;
    for (const auto& thing : box_->things()) all.push_back(TRY(find(VolumeId(name_ + "/" + thing))));
    return all;
  }
  Result<std::vector<SnapshotInfo>> snapshots(const VolumeId&) override { return std::vector<SnapshotInfo>{}; }
  Status check_name(const std::string&) const override { return Ok{}; }
  Attempt perform(const OrderCall& call) override {
    const auto kind = call.order.kind;
    if (kind != OrderKind::Create && kind != OrderKind::Delete)
      return no_effect(Code::Unimplemented, std::string("toys cannot ") + to_text(kind));
    box_->put(name_of(call.order.volume), kind == OrderKind::Create);
    return Done{};
  }

 private:
  const std::string name_;
  const std::shared_ptr<Box> box_;
};

class ToyRung : public Rung {
 public:
  explicit ToyRung(std::shared_ptr<Box> box) : box_(std::move(box)) {}
  Attempt raise(const Call& call) override {
    box_->take_out(call.key, call.rung, true);
    return Done{{{"toy.colour", "red"}}};
  }
  Attempt lower(const Call& call) override {
    box_->take_out(call.key, call.rung, false);
    return Done{};
  }
  Finding probe(const Call& call) override {
    return {box_->is_out(call.key, call.rung) ? Standing::Up : Standing::Down, call.before, {}};
  }
  Survey survey(Time) override { return {}; }

 private:
  const std::shared_ptr<Box> box_;
};

Result<BackendParts> make_toy(const std::string& name, const BackendConfig& config, const SharedParts& shared) {
  BackendParts parts;
  parts.name = name;
  auto box = std::make_shared<Box>(config.all("things"));
  parts.backend = std::make_unique<ToyBackend>(name, box);
  if (!shared.machine) return parts;
  auto* rung = add(parts, std::make_unique<ToyRung>(box));
  const std::chrono::seconds limit{5};
  const auto plan = [&](const RungKind& kind, bool excludes) {
    return RungPlan{.kind = kind,
                    .rung = rung,
                    .excludes = excludes,
                    .lane = LaneScope::Volume,
                    .raise_limit = limit,
                    .lower_limit = limit,
                    .probe_limit = limit};
  };
  parts.ladders["vm"] = {{plan(kToyThing, true), plan(rungs::kPlug, false)}, {plan(rungs::kGuestMount, false)}};
  parts.ladders["host"] = {{plan(kToyThing, true), plan(rungs::kStage, false)}, {plan(rungs::kPublish, false)}, kToyThing};
  return parts;
}

Result<std::string> read_thing(const std::string& text) {
  if (text.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string::npos) return text;
  return no_effect(Code::InvalidArgument, "a thing has small letters only");
}

}  // namespace

BackendKind toy_kind() {
  return {.type = "toy",
          .keys = {{.name = "things", .read = read_thing, .if_missing = "has no things; add things: [ball]", .is_list = true}},
          .make = make_toy};
}

}  // namespace blockplug::toy
