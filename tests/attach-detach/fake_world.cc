// SPDX-License-Identifier: Apache-2.0
#include "tests/attach-detach/fake_world.h"

#include <algorithm>

#include "attach-detach/roles.h"
#include "tests/attach-detach/paper_world.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {

class FakeWorld::FakeRung : public Rung {
 public:
  FakeRung(FakeWorld& world, RungKind kind) : world_(world), kind_(kind) {}

  Attempt raise(const Call& call) override {
    note("raise", call);
    Facts facts{{to_text(kind_) + ".size", std::to_string(call.spec.size_bytes)}};
    if (const auto real = world_.real_paths.find(call.rung.leaf); real != world_.real_paths.end())
      facts[roles::kMountPath] = real->second;
    auto answer = world_.answer(std::string("raise ") + to_text(kind_), Done{facts});
    if (std::holds_alternative<Done>(answer)) world_.up.insert({call.key, call.rung});
    if (call.rung.kind == rungs::kHandOver) world_.handed_over[call.key] = call.spec.staging_path;
    return answer;
  }
  Attempt lower(const Call& call) override {
    note("lower", call);
    auto answer = world_.answer(std::string("lower ") + to_text(kind_), Done{});
    if (std::holds_alternative<Done>(answer)) world_.up.erase({call.key, call.rung});
    return answer;
  }
  Finding probe(const Call& call) override {
    note("probe", call);
    if (const auto found = world_.findings.find(kind_); found != world_.findings.end()) return found->second;
    if (!world_.up.contains({call.key, call.rung})) return {Standing::Down, {}, {}};
    const bool is_stale = call.spec.size_bytes != world_.size_bytes;
    return {is_stale ? Standing::Stale : Standing::Up,
            {{to_text(kind_) + ".size", std::to_string(world_.size_bytes)}},
            is_stale ? "another size" : ""};
  }
  Survey survey(Time) override {
    Survey found;
    found.is_partial = world_.is_survey_partial;
    for (const auto& [key, rung] : world_.up) {
      if (rung.kind != kind_ || rung.kind == rungs::kGuestMount) continue;  // a guest's mounts carry no mark
      if (rung.kind == rungs::kHandOver) {
        found.push_back({key,
                         kind_,
                         {{roles::kStagingPath, world_.handed_over[key]}},
                         "hand-over of " + to_text(key),
                         {},
                         RungId{rungs::kGuestMount, "/g"}});
        continue;
      }
      const auto real = world_.real_paths.find(rung.leaf);
      const bool is_link = real != world_.real_paths.end();
      const auto facts = is_link ? Facts{{roles::kMountPath, real->second}} : Facts{};
      found.push_back({key, kind_, facts, to_text(rung) + " of " + to_text(key), is_link ? real->second : rung.leaf});
    }
    for (const auto& [key, kinds] : world_.marked)
      if (kinds.contains(kind_)) found.push_back({key, kind_, {}, std::string("a marked ") + to_text(kind_)});
    return found;
  }

 private:
  void note(const char* what, const Call& call) {
    world_.calls.push_back(std::string(what) + " " + to_text(call.rung) + " of " + to_text(call.key));
    world_.operations.emplace_back(call.operation);
    world_.on_call(call);
  }
  FakeWorld& world_;
  RungKind kind_;
};

class FakeWorld::FakeActs : public OrderPerformer {
 public:
  explicit FakeActs(FakeWorld& world) : world_(world) {}
  Attempt perform(const OrderCall& call) override {
    world_.calls.push_back(std::string("perform ") + to_text(call.order.kind) + " of " + call.order.volume.str());
    world_.operations.emplace_back(call.operation);
    Facts facts;
    if (const auto size = call.order.arguments.find("size_bytes"); size != call.order.arguments.end()) facts.insert(*size);
    return world_.answer(to_text(call.order.kind), Done{facts});
  }

 private:
  FakeWorld& world_;
};

FakeWorld::FakeWorld() : acts_(std::make_unique<FakeActs>(*this)) {
  const auto plan = [this](RungKind kind) { return make(kind); };
  for (const auto& kind : {rungs::kHandOver, rungs::kHold, rungs::kOpen, rungs::kPlug}) vm_.trunk.push_back(plan(kind));
  for (const auto& kind : {rungs::kHold, rungs::kMap, rungs::kStage}) host_.trunk.push_back(plan(kind));
  for (const auto& kind :
       {rungs::kReserve, rungs::kConnect, rungs::kHold, rungs::kOpen, rungs::kOwn, rungs::kPlug, rungs::kConfirm})
    cinder_.trunk.push_back(plan(kind));
  cinder_.leaves.push_back(plan(rungs::kGuestMount));
  host_.device = rungs::kMap;
  vm_.leaves.push_back(plan(rungs::kGuestMount));
  host_.leaves.push_back(plan(rungs::kPublish));
}

FakeWorld::~FakeWorld() = default;

RungPlan FakeWorld::make(const RungKind& kind) {
  auto& rung = rungs_[kind];
  if (rung == nullptr) rung = std::make_unique<FakeRung>(*this, kind);
  auto made = paper_plan(kind);
  made.rung = rung.get();
  return made;
}

void FakeWorld::insert_above(const RungKind& below, const RungKind& kind) {
  const auto place = std::ranges::find(host_.trunk, below, &RungPlan::kind);
  CHECK(place != host_.trunk.end());
  host_.trunk.insert(std::next(place), make(kind));
}

const Ladder* FakeWorld::find(const AttachmentKey& key) const {
  if (backend_of(key.volume) == "none") return nullptr;
  if (key.target.str() == "host") return &host_;
  if (!key.target.str().starts_with("vm:")) return nullptr;
  return backend_of(key.volume) == "cinder" ? &cinder_ : &vm_;
}

OrderPerformer* FakeWorld::performer(const VolumeId& volume) const { return backend_of(volume) == "none" ? nullptr : acts_.get(); }

std::vector<Rung*> FakeWorld::rungs() const {
  std::vector<Rung*> all;
  for (const auto& [kind, rung] : rungs_) all.push_back(rung.get());
  return all;
}

Attempt FakeWorld::answer(const std::string& what, Attempt otherwise) {
  const auto found = script.find(what);
  if (found == script.end() || found->second.empty()) return otherwise;
  auto answer = std::move(found->second.front());
  found->second.pop_front();
  return answer;
}

}  // namespace blockplug::test
