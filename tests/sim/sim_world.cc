// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_world.h"

#include <algorithm>

#include "attach-detach/roles.h"
#include "attach-detach/volume_limits.h"
#include "tests/attach-detach/paper_world.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::sim {
namespace {

bool is_elsewhere(const RungKind& kind) { return kind == rungs::kReserve || kind == rungs::kConnect || kind == rungs::kConfirm; }
// A VM's connection knows of our own commands. Of this host's mounts and devices nobody does who has read them before.
bool knows_our_changes(const TargetId& target) { return target.str() != "host"; }
bool is_record(const RungKind& kind) { return is_elsewhere(kind) || kind == rungs::kHandOver; }  // and not the disk itself

}  // namespace

class SimRung : public Rung {
 public:
  SimRung(SimWorld& world, RungKind kind) : world_(world), kind_(kind) {}
  Attempt raise(const Call& call) override {
    auto attempt = world_.raise(call);
    world_.note_change(call);
    return told("raise", call, std::move(attempt));
  }
  Attempt lower(const Call& call) override {
    auto attempt = world_.lower(call);
    world_.note_change(call);
    return told("lower", call, std::move(attempt));
  }
  Finding probe(const Call& call) override {
    auto finding = world_.probe(call);
    world_.say("  probe " + to_text(call.rung) + " of " + to_text(call.key) + ": " + to_text(finding.standing));
    return finding;
  }
  Survey survey(Time) override { return world_.survey(kind_); }

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

class SimActs : public OrderPerformer {
 public:
  explicit SimActs(SimWorld& world) : world_(world) {}
  Attempt perform(const OrderCall& call) override { return world_.perform(call); }

 private:
  SimWorld& world_;
};

// Four ladders, as in the design: local in a VM, Cinder in a VM and on the host, rbd on the host; those of the host with leaves.
class SimWorld::SimLadders : public Ladders {
 public:
  explicit SimLadders(SimWorld& world) : acts_(world) {
    for (const auto& kind : {rungs::kReserve, rungs::kConnect, rungs::kHold, rungs::kMap, rungs::kOpen, rungs::kOwn, rungs::kPlug,
                             rungs::kConfirm, rungs::kStage, rungs::kPublish, rungs::kGuestMount, rungs::kHandOver})
      rungs_[kind] = std::make_unique<SimRung>(world, kind);
    local_vm_ = ladder({rungs::kHandOver, rungs::kHold, rungs::kOpen, rungs::kPlug}, rungs::kGuestMount);
    cinder_vm_ = ladder({rungs::kHandOver, rungs::kReserve, rungs::kConnect, rungs::kHold, rungs::kOpen, rungs::kOwn, rungs::kPlug,
                         rungs::kConfirm},
                        rungs::kGuestMount);
    host_ = ladder({rungs::kHold, rungs::kMap, rungs::kOwn, rungs::kStage}, rungs::kPublish);
    cinder_host_ =
        ladder({rungs::kReserve, rungs::kConnect, rungs::kHold, rungs::kMap, rungs::kOwn, rungs::kConfirm, rungs::kStage},
               rungs::kPublish);
  }
  const Ladder* find(const AttachmentKey& key) const override {
    const bool is_cinder = backend_of(key.volume) == "cinder";
    if (key.target.str() == "host") return is_cinder ? &cinder_host_ : &host_;
    return is_cinder ? &cinder_vm_ : &local_vm_;
  }
  OrderPerformer* performer(const VolumeId&) const override { return &acts_; }
  std::vector<Rung*> rungs() const override {
    std::vector<Rung*> all;
    for (const auto& [kind, rung] : rungs_) all.push_back(rung.get());
    return all;
  }

 private:
  Ladder ladder(std::initializer_list<RungKind> trunk, RungKind leaf) {
    Ladder made;
    const auto plan = [&](RungKind kind) {
      using std::chrono::seconds;
      auto made_of = test::paper_plan(kind);
      made_of.rung = rungs_.at(kind).get();
      made_of.lane = kind == rungs::kHold || is_elsewhere(kind) ? LaneScope::Backend : LaneScope::Target;
      made_of.lane_width = made_of.lane == LaneScope::Backend ? 3 : 1;
      made_of.raise_limit = seconds(10), made_of.lower_limit = seconds(30), made_of.probe_limit = seconds(5);
      return made_of;
    };
    for (const auto& kind : trunk) made.trunk.push_back(plan(kind));
    made.leaves.push_back(plan(leaf));
    return made;
  }
  mutable SimActs acts_;
  std::map<RungKind, std::unique_ptr<Rung>> rungs_;
  Ladder local_vm_, cinder_vm_, host_, cinder_host_;
};

SimWorld::SimWorld(SimRunner& runner, Random& random)
    : runner_(runner), random_(random), ladders_(std::make_unique<SimLadders>(*this)) {
  runner.volume_of_last_job = [this] { return std::exchange(last_volume_, {}); };
}

SimWorld::~SimWorld() = default;
const Ladders& SimWorld::ladders() const { return *ladders_; }

void SimWorld::begin_life(std::set<std::pair<AttachmentKey, RungId>> due,
                          std::function<bool(const AttachmentKey&, const RungId&)> has_intent) {
  readings_.clear();
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
    if (thing.is_up || thing.is_half)
      text += "  there: " + to_text(where.second) + " of " + to_text(where.first) + (thing.is_half ? " (half)" : "") + "\n";
  return text;
}

void SimWorld::take_away(const AttachmentKey& key, const RungId& rung) {
  auto& thing = things_[{key, rung}];
  if (!thing.is_up) return;
  thing = {};
  tampered_.insert(key);
  if (!is_record(rung.kind)) gaps_.insert(key);
}

void SimWorld::reboot() {
  for (const auto& [where, thing] : things_) tampered_.insert(where.first), gaps_.insert(where.first);
  std::erase_if(things_, [](const auto& entry) { return !is_elsewhere(entry.first.second.kind); });
}

bool SimWorld::fence(const AttachmentKey& key) {
  auto& hold = things_[{key, {rungs::kHold, {}}}];
  if (!hold.is_up) return false;
  hold = {};
  tampered_.insert(key);
  gaps_.insert(key);
  taken_.insert(key);
  foreign_.insert(image_of(key.volume));
  ++fences;
  return true;
}

bool SimWorld::stands_on_hold(const AttachmentKey& key) const {
  const auto standing = above(key, {rungs::kHold, {}});
  return std::any_of(standing.begin(), standing.end(), [&](const RungId& rung) { return is_there(key, rung); });
}

void SimWorld::ask(const AttachmentKey& key) {
  if (const auto found = fenced_.find(key); found != fenced_.end()) found->second = true;
  given_up_.erase(key);
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
    for (const auto& rung : below(call.key, call.rung)) {  // a leaf on what was complete once waits for no record elsewhere
      if (rung.kind == rungs::kHandOver) continue;         // for others: what was complete once does not need it
      if (!thing(call.key, rung).is_up && !(is_record(rung.kind) && !call.rung.leaf.empty()))
        violate("S2: raised on a hole (" + to_text(rung) + ")", call);
    }
  if (call.rung.kind == rungs::kHandOver && call.spec.staging_path.empty()) violate("a hand-over that nobody wants", call);
  for (const auto& [where, other] : things_) {
    if (!other.is_up && !other.is_half) continue;
    if (call.rung.kind == rungs::kHandOver || where.second.kind == rungs::kHandOver) continue;  // no use of the image
    if (where.first == call.key || image_of(where.first.volume) != image_of(call.key.volume)) continue;
    if (other.access == Access::ReadOnly && call.spec.access == Access::ReadOnly) continue;
    if (are_images_late && (!uses_image(call.key, call.rung) || !uses_image(where.first, where.second))) continue;
    violate("S1: " + to_text(where.second) + " of " + to_text(where.first) + " is there too", call);
  }
}

// Up to Hold nobody can know yet which image it is; this Hold excludes nobody, so that the core has to.
bool SimWorld::uses_image(const AttachmentKey& key, const RungId& rung) const {
  const auto users = above(key, {rungs::kHold, {}});
  return !rung.leaf.empty() || std::find(users.begin(), users.end(), rung) != users.end();
}

Facts SimWorld::facts_of(const Call& call, std::int64_t size_bytes) const {
  Facts facts{{"size", std::to_string(size_bytes)}};
  if (are_images_late && call.rung.kind == rungs::kHold) facts[roles::kImageId] = image_of(call.key.volume).str();
  return facts;
}

void SimWorld::check_lower(const Call& call) {
  check_effect(call, "lower");
  if (call.lower_reason == LowerReason::GapBelow && !gaps_.contains(call.key))
    violate("S11: lowered though nothing of the disk below it was taken away", call);
  for (const auto& rung : above(call.key, call.rung))
    if (is_there(call.key, rung) && !(is_record(rung.kind) && is_record(call.rung.kind)))
      violate("S2: lowered under " + to_text(rung), call);
  const auto is_same = [&](const VolumeId& volume) {
    return are_images_late ? volume == call.key.volume : image_of(volume) == image_of(call.key.volume);
  };
  for (const auto& [key, rung] : due_)
    if (!is_record(rung.kind) && is_same(key.volume))
      violate("S5: lowered before " + to_text(rung) + " of " + to_text(key) + " was probed", call);
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
  if (call.rung.kind != rungs::kHold || is_there(call.key, call.rung)) return std::nullopt;
  if ((taken_.contains(call.key) || fenced_.contains(call.key)) && call.before.contains("size"))
    return maybe_effect(Code::Aborted, "simulated: it is gone");
  if (foreign_.contains(image_of(call.key.volume))) return no_effect(Code::FailedPrecondition, "simulated: another node holds it");
  if (const auto found = fenced_.find(call.key); found != fenced_.end() && !found->second) violate("S10: taken back unasked", call);
  return std::nullopt;
}

// A request that was not answered had no effect here; "done, but no answer" is a fault of its own.
std::optional<Error> SimWorld::lost_to_the_cloud(const Call& call) {
  if (!cloud_is_away || !is_elsewhere(call.rung.kind)) return std::nullopt;
  ++struck;
  if (random_.chance(0.5)) return no_effect(Code::Unavailable, "simulated: the cloud is away");
  return maybe_effect(Code::DeadlineExceeded, "simulated: the cloud does not answer");
}

// --- rungs ---

Attempt SimWorld::raise(const Call& call) {
  last_volume_ = call.key.volume.str();
  ++jobs;
  auto& thing = things_[{call.key, call.rung}];
  const auto strike = [&](double probability) { return random_.chance(probability) && ++struck > 0; };
  if (auto lost = lost_to_the_cloud(call)) return *lost;
  if (strike(faults.refused)) return no_effect(Code::Unavailable, "simulated: refused");
  if (strike(faults.final)) {
    give_up(call.key);
    return no_effect(Code::NotFound, "simulated: cannot ever be");
  }
  if (strike(faults.failed_before)) return maybe_effect(Code::DeadlineExceeded, "simulated: no answer, nothing done");
  if (strike(faults.waits)) return Waiting{"simulated weather", runner_.now() + std::chrono::seconds(random_.below(60))};
  if (auto refusal = refusal_of_hold(call)) {
    if (refusal->effect == Effect::None) give_up(call.key);
    return *refusal;
  }
  if (!thing.is_up && !tampered_.contains(call.key))
    check_raise(call);
  else
    check_effect(call, "raise");
  thing.access = call.spec.access;
  if (strike(faults.half_done)) {
    thing.is_half = !thing.is_up;
    return maybe_effect(Code::Internal, "simulated: stopped half-way");
  }
  thing = {true, false, call.spec.size_bytes, call.spec.access, call.spec.limits};
  if (call.rung.kind == rungs::kHold) taken_.erase(call.key), fenced_.erase(call.key);
  if (strike(faults.failed_after)) return maybe_effect(Code::DeadlineExceeded, "simulated: done, but no answer");
  return Done{facts_of(call, call.spec.size_bytes)};
}

Attempt SimWorld::lower(const Call& call) {
  last_volume_ = call.key.volume.str();
  ++jobs;
  auto& thing = things_[{call.key, call.rung}];
  const auto strike = [&](double probability) { return random_.chance(probability) && ++struck > 0; };
  if (auto lost = lost_to_the_cloud(call)) return *lost;
  if (strike(faults.refused))
    return no_effect(random_.chance(0.5) ? Code::FailedPrecondition : Code::Unavailable, "simulated: in use");
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

// A target's things are read all at once, and a reading that began after the doubt is used by every probe.
const Thing& SimWorld::read_thing(const Call& call) {
  if (call.rung.kind == rungs::kHold || is_elsewhere(call.rung.kind)) return thing(call.key, call.rung);
  auto& reading = readings_[call.key.target];
  const auto since = knows_our_changes(call.key.target) ? call.doubted_at : call.must_be_read_since();
  if (reading.began < since || reading.began == Time{} || since == Time{}) {
    reading = {runner_.now(), {}};
    for (const auto& [where, there] : things_)
      if (where.first.target == call.key.target) reading.things.emplace(where, there);
  } else {
    ++shared_readings;
  }
  return reading.things[{call.key, call.rung}];
}

void SimWorld::note_change(const Call& call) {
  if (!knows_our_changes(call.key.target)) return;
  const auto reading = readings_.find(call.key.target);
  if (reading == readings_.end()) return;
  auto& read = reading->second.things;
  std::erase_if(read, [&](const auto& entry) { return entry.first.first == call.key; });
  for (const auto& [where, there] : things_)
    if (where.first == call.key) read.emplace(where, there);
}

Finding SimWorld::probe(const Call& call) {
  last_volume_ = call.key.volume.str();
  ++jobs;
  if ((cloud_is_away && is_elsewhere(call.rung.kind)) || random_.chance(faults.unprovable)) {
    ++struck;
    due_.erase({call.key, call.rung});
    return {Standing::Unknown, {}, "simulated: silent"};
  }
  due_.erase({call.key, call.rung});
  const auto there = read_thing(call);
  if (there.is_half) return {Standing::Partial, {}, "half-way"};
  if (!there.is_up) {
    forget_due_above(call.key, call.rung);
    if (call.rung.kind != rungs::kHold) return {Standing::Down, {}, {}};
    // A hold of which it was never told, in a crash, is none that it knows to have lost.
    const bool is_fenced = (taken_.contains(call.key) || fenced_.contains(call.key)) && call.before.contains("size");
    taken_.erase(call.key);
    if (is_fenced) fenced_[call.key] = false;
    const bool is_foreign = foreign_.contains(image_of(call.key.volume));
    return {is_foreign ? Standing::Foreign : Standing::Down, {}, is_foreign ? "another node holds it" : "", is_fenced};
  }
  const bool is_stale = there.size_bytes != call.spec.size_bytes || there.limits != call.spec.limits;
  return {is_stale ? Standing::Stale : Standing::Up, facts_of(call, there.size_bytes), is_stale ? "another size or limit" : ""};
}

Survey SimWorld::survey(RungKind kind) {
  Survey found;
  for (const auto& [where, thing] : things_)
    if (where.second.kind == kind && thing.is_up && where.second.leaf.empty())
      found.push_back({where.first, kind, {}, to_text(kind)});
  return found;
}

Attempt SimWorld::perform(const OrderCall& call) {
  last_volume_ = call.order.volume.str();
  ++jobs;
  if (cancelled_orders.contains(call.order.id)) violation = "a cancelled order is performed: " + std::to_string(call.order.id);
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
