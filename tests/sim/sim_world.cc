// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_world.h"

#include <algorithm>

#include "attach-detach/volume_limits.h"

namespace blockplug::sim {

class SimRung : public Rung {
 public:
  SimRung(SimWorld& world, RungKind kind) : world_(world), kind_(kind) {}
  Attempt raise(const Call& call) override { return told("raise", call, world_.raise(call)); }
  Attempt lower(const Call& call) override { return told("lower", call, world_.lower(call)); }
  Finding probe(const Call& call) override {
    auto finding = world_.probe(call);
    world_.say("  probe " + to_text(call.rung) + " of " + to_text(call.key) + ": " + to_text(finding.standing));
    return finding;
  }
  std::vector<Found> survey() override { return world_.survey(kind_); }

 private:
  Attempt told(const char* what, const Call& call, Attempt attempt) {
    std::string outcome = "done";
    if (const auto* waiting = std::get_if<Waiting>(&attempt)) outcome = "waiting: " + waiting->for_what;
    if (const auto* error = std::get_if<Error>(&attempt)) outcome = error->message;
    world_.say("  " + std::string(what) + " " + to_text(call.rung) + " of " + to_text(call.key) + ": " + outcome);
    return attempt;
  }
  SimWorld& world_;
  RungKind kind_;
};

class SimActs : public Acts {
 public:
  explicit SimActs(SimWorld& world) : world_(world) {}
  Attempt perform(const OrderCall& call) override { return world_.perform(call); }

 private:
  SimWorld& world_;
};

// Three ladders, as in the design: local in a VM, Cinder in a VM, rbd on the host with leaves.
class SimWorld::SimLadders : public Ladders {
 public:
  explicit SimLadders(SimWorld& world) : acts_(world) {
    for (const auto kind : {RungKind::Reserve, RungKind::Connect, RungKind::Hold, RungKind::Map, RungKind::Open, RungKind::Own,
                            RungKind::Plug, RungKind::Confirm, RungKind::Stage, RungKind::Publish, RungKind::GuestMount})
      rungs_[kind] = std::make_unique<SimRung>(world, kind);
    local_vm_ = ladder({RungKind::Hold, RungKind::Open, RungKind::Plug}, RungKind::GuestMount);
    cinder_vm_ = ladder({RungKind::Reserve, RungKind::Connect, RungKind::Hold, RungKind::Open, RungKind::Own, RungKind::Plug,
                         RungKind::Confirm},
                        RungKind::GuestMount);
    host_ = ladder({RungKind::Hold, RungKind::Map, RungKind::Own, RungKind::Stage}, RungKind::Publish);
  }
  const Ladder* find(const AttachmentKey& key) const override {
    if (key.target.str() == "host") return &host_;
    return backend_of(key.volume) == "cinder" ? &cinder_vm_ : &local_vm_;
  }
  Acts* acts(const VolumeId&) const override { return &acts_; }
  std::vector<Rung*> rungs() const override {
    std::vector<Rung*> all;
    for (const auto& [kind, rung] : rungs_) all.push_back(rung.get());
    return all;
  }

 private:
  Ladder ladder(std::initializer_list<RungKind> trunk, RungKind leaf) {
    Ladder made;
    const auto plan = [&](RungKind kind) {
      const bool falls = kind == RungKind::Connect || kind == RungKind::Own || kind == RungKind::Confirm;
      const bool excludes = kind == RungKind::Reserve || kind == RungKind::Hold;
      using std::chrono::seconds;
      return RungPlan{kind, rungs_.at(kind).get(), falls, excludes, kind == RungKind::Hold ? LaneScope::Backend : LaneScope::Target,
                      seconds(10), seconds(30), seconds(5)};
    };
    for (const auto kind : trunk) made.trunk.push_back(plan(kind));
    made.leaves.push_back(plan(leaf));
    return made;
  }
  mutable SimActs acts_;
  std::map<RungKind, std::unique_ptr<Rung>> rungs_;
  Ladder local_vm_, cinder_vm_, host_;
};

SimWorld::SimWorld(SimRunner& runner, Random& random) : runner_(runner), random_(random), ladders_(std::make_unique<SimLadders>(*this)) {
  runner.volume_of_last_job = [this] { return std::exchange(last_volume_, {}); };
}

SimWorld::~SimWorld() = default;
const Ladders& SimWorld::ladders() const { return *ladders_; }

void SimWorld::begin_life(std::set<std::pair<AttachmentKey, RungId>> due,
                          std::function<bool(const AttachmentKey&, const RungId&)> has_intent) {
  due_ = std::move(due);
  has_intent_ = std::move(has_intent);
}

// Volumes "…-alias" are another backend's name for the same image.
ImageId SimWorld::image_of(const VolumeId& volume) const { return ImageId("image:" + name_of(volume)); }

bool SimWorld::is_there(const AttachmentKey& key, const RungId& rung) const {
  const auto found = things_.find({key, rung});
  return found != things_.end() && (found->second.is_up || found->second.is_half);
}

const Thing& SimWorld::thing(const AttachmentKey& key, const RungId& rung) const {
  static const Thing kNothing;
  const auto found = things_.find({key, rung});
  return found == things_.end() ? kNothing : found->second;
}

bool SimWorld::is_anything_up() const {
  return std::any_of(things_.begin(), things_.end(), [](const auto& thing) { return thing.second.is_up || thing.second.is_half; });
}

std::string SimWorld::dump() const {
  std::string text;
  for (const auto& [where, thing] : things_)
    if (thing.is_up || thing.is_half) text += "  there: " + to_text(where.second) + " of " + to_text(where.first) + (thing.is_half ? " (half)" : "") + "\n";
  return text;
}

void SimWorld::take_away(const AttachmentKey& key, const RungId& rung) {
  auto& thing = things_[{key, rung}];
  if (!thing.is_up) return;
  thing = {};
  tampered_.insert(key);
}

void SimWorld::reboot() {
  std::erase_if(things_, [](const auto& entry) {
    const auto kind = entry.first.second.kind;
    return kind != RungKind::Reserve && kind != RungKind::Connect && kind != RungKind::Confirm;
  });
  for (const auto& [where, thing] : things_) tampered_.insert(where.first);
}

bool SimWorld::fence(const AttachmentKey& key) {
  auto& hold = things_[{key, {RungKind::Hold, {}}}];
  if (!hold.is_up) return false;
  hold = {};
  tampered_.insert(key);
  taken_.insert(key);
  foreign_.insert(image_of(key.volume));
  ++fences;
  return true;
}

bool SimWorld::stands_on_hold(const AttachmentKey& key) const {
  const auto standing = above(key, {RungKind::Hold, {}});
  return std::any_of(standing.begin(), standing.end(), [&](const RungId& rung) { return is_there(key, rung); });
}

void SimWorld::ask(const AttachmentKey& key) {
  if (const auto found = fenced_.find(key); found != fenced_.end()) found->second = true;
}

// --- safety ---

void SimWorld::violate(const std::string& rule, const Call& call) {
  if (violation.empty()) violation = rule + " at " + to_text(call.rung) + " of " + to_text(call.key);
}

std::vector<RungId> SimWorld::below(const AttachmentKey& key, const RungId& rung) const {
  std::vector<RungId> rungs;
  for (const auto& plan : ladders_->find(key)->trunk) {
    if (rung.leaf.empty() && plan.kind == rung.kind) break;
    rungs.push_back({plan.kind, {}});
  }
  return rungs;
}

std::vector<RungId> SimWorld::above(const AttachmentKey& key, const RungId& rung) const {
  std::vector<RungId> rungs;
  if (!rung.leaf.empty()) return rungs;
  bool is_above = false;
  for (const auto& plan : ladders_->find(key)->trunk) {
    if (is_above && !plan.falls_with_below) rungs.push_back({plan.kind, {}});
    is_above = is_above || plan.kind == rung.kind;
  }
  for (const auto& [where, thing] : things_)
    if (where.first == key && !where.second.leaf.empty()) rungs.push_back(where.second);
  return rungs;
}

void SimWorld::check_effect(const Call& call, const char* what) {
  if (has_intent_ && !has_intent_(call.key, call.rung)) violate(std::string("S3: ") + what + " without a durable intent", call);
}

void SimWorld::check_raise(const Call& call) {
  check_effect(call, "raise");
  if (!tampered_.contains(call.key))
    for (const auto& rung : below(call.key, call.rung))
      if (!thing(call.key, rung).is_up) violate("S2: raised on a hole (" + to_text(rung) + ")", call);
  for (const auto& [where, other] : things_) {
    if (!other.is_up && !other.is_half) continue;
    if (where.first == call.key || image_of(where.first.volume) != image_of(call.key.volume)) continue;
    if (other.access == Access::ReadOnly && call.spec.access == Access::ReadOnly) continue;
    violate("S1: " + to_text(where.second) + " of " + to_text(where.first) + " is there too", call);
  }
}

void SimWorld::check_lower(const Call& call) {
  check_effect(call, "lower");
  for (const auto& rung : above(call.key, call.rung))
    if (is_there(call.key, rung)) violate("S2: lowered under " + to_text(rung), call);
  for (const auto& [key, rung] : due_)
    if (image_of(key.volume) == image_of(call.key.volume)) violate("S5: lowered before " + to_text(rung) + " of " + to_text(key) + " was probed", call);
}

// Known to be down with the rung it stands on.
void SimWorld::forget_due_above(const AttachmentKey& key, const RungId& rung) {
  bool is_above = false;
  for (const auto& plan : ladders_->find(key)->trunk) {
    if (is_above && !plan.falls_with_below) return;
    if (is_above) {
      due_.erase({key, {plan.kind, {}}});
      things_.erase({key, {plan.kind, {}}});
    }
    is_above = is_above || plan.kind == rung.kind;
  }
}

// As the rbd hold's: refused while it is another node's; of a hold that it remembers and that is gone, only a probe tells more.
std::optional<Error> SimWorld::refusal_of_hold(const Call& call) {
  if (call.rung.kind != RungKind::Hold || is_there(call.key, call.rung)) return std::nullopt;
  if ((taken_.contains(call.key) || fenced_.contains(call.key)) && call.before.contains("size")) return maybe_effect(Code::Aborted, "simulated: it is gone");
  if (foreign_.contains(image_of(call.key.volume))) return no_effect(Code::FailedPrecondition, "simulated: another node holds it");
  if (const auto found = fenced_.find(call.key); found != fenced_.end() && !found->second) violate("S10: taken back unasked", call);
  return std::nullopt;
}

// --- rungs ---

Attempt SimWorld::raise(const Call& call) {
  last_volume_ = call.key.volume.str();
  ++jobs;
  auto& thing = things_[{call.key, call.rung}];
  const auto strike = [&](double probability) { return random_.chance(probability) && ++struck > 0; };
  if (strike(faults.refused)) return no_effect(Code::Unavailable, "simulated: refused");
  if (strike(faults.final)) return no_effect(Code::NotFound, "simulated: cannot ever be");
  if (strike(faults.failed_before)) return maybe_effect(Code::DeadlineExceeded, "simulated: no answer, nothing done");
  if (strike(faults.waits)) return Waiting{"simulated weather", runner_.now() + std::chrono::seconds(random_.below(60))};
  if (auto refusal = refusal_of_hold(call)) return *refusal;
  if (!thing.is_up && !tampered_.contains(call.key)) check_raise(call);
  else check_effect(call, "raise");
  thing.access = call.spec.access;
  if (strike(faults.half_done)) {
    thing.is_half = !thing.is_up;
    return maybe_effect(Code::Internal, "simulated: stopped half-way");
  }
  thing = {true, false, call.spec.size_bytes, call.spec.access, call.spec.limits};
  if (call.rung.kind == RungKind::Hold) taken_.erase(call.key), fenced_.erase(call.key);
  if (strike(faults.failed_after)) return maybe_effect(Code::DeadlineExceeded, "simulated: done, but no answer");
  return Done{{{"size", std::to_string(call.spec.size_bytes)}}};
}

Attempt SimWorld::lower(const Call& call) {
  last_volume_ = call.key.volume.str();
  ++jobs;
  auto& thing = things_[{call.key, call.rung}];
  const auto strike = [&](double probability) { return random_.chance(probability) && ++struck > 0; };
  if (strike(faults.refused)) return no_effect(random_.chance(0.5) ? Code::FailedPrecondition : Code::Unavailable, "simulated: in use");
  if (strike(faults.failed_before)) return maybe_effect(Code::DeadlineExceeded, "simulated: no answer, nothing done");
  if (strike(faults.waits)) return Waiting{"simulated guest", runner_.now() + std::chrono::seconds(random_.below(60))};
  check_lower(call);
  if (strike(faults.half_done)) {
    thing.is_half = thing.is_up || thing.is_half;
    thing.is_up = false;
    return maybe_effect(Code::Internal, "simulated: stopped half-way");
  }
  thing = {};
  forget_due_above(call.key, call.rung);
  if (strike(faults.failed_after)) return maybe_effect(Code::DeadlineExceeded, "simulated: done, but no answer");
  return Done{};
}

Finding SimWorld::probe(const Call& call) {
  last_volume_ = call.key.volume.str();
  ++jobs;
  if (random_.chance(faults.unprovable)) {
    ++struck;
    due_.erase({call.key, call.rung});
    return {Standing::Unknown, {}, "simulated: silent"};
  }
  due_.erase({call.key, call.rung});
  const auto& there = thing(call.key, call.rung);
  if (there.is_half) return {Standing::Partial, {}, "half-way"};
  if (!there.is_up) {
    forget_due_above(call.key, call.rung);
    if (call.rung.kind != RungKind::Hold) return {Standing::Down, {}, {}};
    // A hold of which it was never told, in a crash, is none that it knows to have lost.
    const bool is_fenced = (taken_.contains(call.key) || fenced_.contains(call.key)) && call.before.contains("size");
    taken_.erase(call.key);
    if (is_fenced) fenced_[call.key] = false;
    const bool is_foreign = foreign_.contains(image_of(call.key.volume));
    return {is_foreign ? Standing::Foreign : Standing::Down, {}, is_foreign ? "another node holds it" : "", is_fenced};
  }
  const bool is_stale = there.size_bytes != call.spec.size_bytes || there.limits != call.spec.limits;
  return {is_stale ? Standing::Stale : Standing::Up, {{"size", std::to_string(there.size_bytes)}}, is_stale ? "another size or limit" : ""};
}

std::vector<Found> SimWorld::survey(RungKind kind) {
  std::vector<Found> found;
  for (const auto& [where, thing] : things_)
    if (where.second.kind == kind && thing.is_up && where.second.leaf.empty()) found.push_back({where.first, kind, {}, to_text(kind)});
  return found;
}

Attempt SimWorld::perform(const OrderCall& call) {
  last_volume_ = call.order.volume.str();
  ++jobs;
  const auto strike = [&](double probability) { return random_.chance(probability) && ++struck > 0; };
  if (strike(faults.refused)) return no_effect(Code::Unavailable, "simulated: refused");
  if (strike(faults.failed_before)) return maybe_effect(Code::DeadlineExceeded, "simulated: no answer, nothing done");
  if (strike(faults.waits)) return Waiting{"simulated weather", runner_.now() + std::chrono::seconds(random_.below(60))};
  if (call.order.kind == OrderKind::Modify) {
    auto& limits = image_limits[call.order.volume];
    limits = *modified(limits, call.order.arguments);
    if (strike(faults.failed_after)) return maybe_effect(Code::DeadlineExceeded, "simulated: done, but no answer");
    return Done{limit_facts(limits)};
  }
  auto& size = image_sizes[call.order.volume];
  size = std::max<std::int64_t>(size, std::stoll(call.order.arguments.at("size_bytes")));
  if (strike(faults.failed_after)) return maybe_effect(Code::DeadlineExceeded, "simulated: done, but no answer");
  return Done{{{"size_bytes", std::to_string(size)}}};
}

}  // namespace blockplug::sim
