// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/executor.h"

#include <algorithm>

#include "attach-detach/changes.h"

namespace blockplug {
namespace {

// Where two rungs give the same, the upper one has changed what the lower one gave.
Facts facts_below(const Attachment& attachment, const Ladder& ladder, const RungId& id) {
  Facts below;
  for (const auto& plan : ladder.trunk) {
    if (id.leaf.empty() && plan.kind == id.kind) break;
    for (const auto& [name, value] : attachment.rung({plan.kind, {}}).facts) below[name] = value;
  }
  return below;
}

const LeafSpec* leaf_spec(const Attachment& attachment, const RungId& id) {
  const auto found = attachment.desired.leaves.find(id);
  return found == attachment.desired.leaves.end() ? nullptr : &found->second.spec;
}

std::chrono::milliseconds limit_of(const RungPlan& plan, Step::Kind kind) {
  switch (kind) {
    case Step::Kind::Probe: return plan.probe_limit;
    case Step::Kind::Raise: return plan.raise_limit;
    case Step::Kind::Lower: return plan.lower_limit;
    case Step::Kind::Perform: break;
  }
  return {};
}

// What everything_beside cannot say.
Changes orders_over(const Changes& changes) {
  Changes over;
  std::copy_if(changes.begin(), changes.end(), std::back_inserter(over),
               [](const Change& change) { return std::holds_alternative<ForgetOrder>(change); });
  return over;
}

constexpr std::chrono::minutes kOrderLimit{10};
constexpr std::chrono::seconds kSaveAgain{1};

}  // namespace

// Makes facts durable in the middle of a job; its facts are taken over when the job ends.
class Executor::KeepingJournal : public Journal {
 public:
  KeepingJournal(Store& store, std::function<Change(const Facts&)> change) : store_(store), change_(std::move(change)) {}
  Status keep(const Facts& facts) override {
    auto merged = kept;
    for (const auto& [name, value] : facts) merged[name] = value;
    TRY(store_.keep(change_(merged)));
    kept = std::move(merged);
    return Ok{};
  }
  Facts kept;

 private:
  Store& store_;
  std::function<Change(const Facts&)> change_;
};

Executor::Executor(Parts parts) : parts_(std::move(parts)) {}

void Executor::save(const VolumeId& id, Change change) { activities_[id].unsaved.push_back(std::move(change)); }

const Running* Executor::running(const VolumeId& id) const {
  const auto found = activities_.find(id);
  return found == activities_.end() || !found->second.running ? nullptr : &*found->second.running;
}

void Executor::forget(const VolumeId& id) {
  Changes changes;
  if (const auto found = activities_.find(id); found != activities_.end()) {
    CHECK(!found->second.running);
    changes = std::move(found->second.unsaved);
    activities_.erase(found);
  }
  changes.push_back(ForgetVolume{id});
  const auto over = orders_over(changes);
  // An order that is done must not be performed again by a later life, so this is tried until it is durable.
  parts_.store.commit(std::move(changes), Store::Urgency::Soon, [this, id, over](const Status& status) {
    if (status.ok()) return;
    activities_[id].needs_full_save = true;  // should it come back, what the store still has of it is no part of it
    for (const auto& change : over) save(id, change);
    if (parts_.world.find(id) != nullptr) {
      ++activities_[id].failed_commits;
      must_be_durable(id);
      return consider(id);
    }
    parts_.runner.at(parts_.runner.now() + kSaveAgain, [this, id] {
      if (parts_.world.find(id) == nullptr && !is_stopping_) forget(id);
    });
  });
}

void Executor::stop() {
  is_stopping_ = true;
  for (auto& [id, activity] : activities_) activity.stop.request_stop();
}

void Executor::consider(const VolumeId& id) {
  auto* volume = parts_.world.find(id);
  if (volume == nullptr || is_stopping_) return;
  auto& activity = activities_[id];
  // A desired state that changes midway is stored at once all the same: later desired states may rely on it.
  if (activity.running) return commit_beside(*volume);
  mend_broken(*volume);
  const auto decision =
      plan(*volume, parts_.world.sharing_image(*volume), parts_.ladders, parts_.runner.now(), parts_.world.leaf_waits(*volume));
  if (decision.step) return begin(*volume, *decision.step);
  if (!activity.unsaved.empty() || activity.needs_full_save) commit(*volume, nullptr);
  if (decision.wake)
    wake_at(id, *decision.wake);
  else if (is_idle(activity))
    activities_.erase(id);
}

bool Executor::is_idle(const Activity& activity) {
  return !activity.running && !activity.wake && activity.unsaved.empty() && !activity.needs_full_save && is_durable(activity) &&
         *activity.unanswered == 0;
}

bool Executor::is_desired_stored(const VolumeId& id) {
  const auto found = activities_.find(id);
  if (found == activities_.end() || is_durable(found->second)) return true;
  auto* volume = parts_.world.find(id);
  if (!found->second.running && !found->second.unsaved.empty()) commit(*volume, [](const Status&) {});
  return false;
}

// Broken is over when the hole is: what is up stands on something again.
void Executor::mend_broken(Volume& volume) {
  for (auto& [target, attachment] : volume.attachments) {
    const auto* ladder = parts_.ladders.find(attachment.key);
    if (!attachment.broken || ladder == nullptr) continue;
    bool is_whole = true, has_gap = false;
    for (const auto& plan : ladder->trunk) {
      if (plan.is_bookkeeping) continue;
      const auto& record = attachment.rung({plan.kind, {}});
      if (record.state != RungState::Up)
        has_gap = true;
      else if (has_gap)
        is_whole = false;
    }
    for (const auto& [id, record] : attachment.rungs)
      if (!id.leaf.empty() && record.state != RungState::Down && has_gap) is_whole = false;
    if (is_whole) attachment.broken.reset();
  }
}

void Executor::wake_at(const VolumeId& id, Time time) {
  auto& wake = activities_[id].wake;
  if (wake && *wake <= time && *wake > parts_.runner.now()) return;  // an earlier call plans anew, and asks again
  wake = time;
  parts_.runner.at(time, [this, id, time] {
    const auto found = activities_.find(id);
    if (found == activities_.end()) return;
    if (found->second.wake == time) found->second.wake.reset();
    consider(id);
  });
}

void Executor::touch(const VolumeId& id) {
  auto* volume = parts_.world.find(id);
  if (volume == nullptr) return;
  for (auto& [target, attachment] : volume->attachments)
    for (auto& [rung, record] : attachment.rungs) record.waiting.reset();
  for (auto& record : volume->orders) record.waiting.reset();
  if (auto& activity = activities_[id]; activity.running) activity.was_touched = true;
  consider(id);
}

// What happens to the disk says little of a record elsewhere: that is looked at when there is time.
void Executor::doubt(RungRecord& record, bool is_bookkeeping_rung, Belief belief) {
  if (record.state == RungState::Down && record.belief == Belief::Known) return;
  const bool is_recheck = belief == Belief::Recheck || is_bookkeeping_rung;
  if (!is_recheck || record.belief == Belief::Known) record.belief = is_recheck ? Belief::Recheck : belief;
  record.doubted_at = parts_.runner.now();
  record.probes = {};
  if (!is_recheck) record.waiting.reset(), record.tries.not_before.reset();
}

void Executor::doubt(const VolumeId& id, const TargetId* target, Belief belief) {
  auto* volume = parts_.world.find(id);
  if (volume == nullptr) return;
  for (auto& [at, attachment] : volume->attachments) {
    if (target != nullptr && at != *target) continue;
    const auto* ladder = parts_.ladders.find(attachment.key);
    for (auto& [rung, record] : attachment.rungs) doubt(record, ladder != nullptr && is_bookkeeping(*ladder, rung), belief);
  }
  auto& activity = activities_[id];
  if (activity.running && activity.running->step.kind != Step::Kind::Perform &&
      (target == nullptr || activity.running->step.key.target == *target))
    activity.doubt = belief == Belief::Unverified ? Belief::Unverified : activity.doubt.value_or(belief);
  touch(id);
}

void Executor::orders_changed(const VolumeId& id) {
  must_be_durable(id);
  consider(id);
}

void Executor::desired_changed(const VolumeId& id) {
  if (const auto found = activities_.find(id); found != activities_.end() && found->second.running)
    found->second.stop.request_stop();
  if (auto* volume = parts_.world.find(id))
    for (auto& [target, attachment] : volume->attachments) attachment.broken.reset();
  must_be_durable(id);
  retry_now(id);
}

void Executor::retry_now(const VolumeId& id) {
  auto* volume = parts_.world.find(id);
  if (volume == nullptr) return;
  for (auto& [target, attachment] : volume->attachments)
    for (auto& [rung, record] : attachment.rungs) record.tries = {}, record.probes = {};
  for (auto& record : volume->orders) record.tries = {};
  touch(id);
}

// --- beginning a step ---

void Executor::begin(Volume& volume, const Step& step) {
  auto& activity = activities_[volume.id];
  activity.stop = std::stop_source{};
  activity.was_touched = false;
  activity.doubt.reset();
  if (step.kind == Step::Kind::Perform) return begin_order(volume, step);
  auto& attachment = volume.attachments.at(step.key.target);
  const auto* plan = plan_of(*parts_.ladders.find(step.key), step.rung);
  CHECK(plan != nullptr);
  auto operation = attachment.operation.empty() ? "core-" + std::to_string(++operations_) : attachment.operation;
  activity.running = Running{step, std::move(operation), parts_.runner.now(), limit_of(*plan, step.kind), false};
  if (step.kind == Step::Kind::Probe) return begin_probe(volume, step, *plan);
  begin_change(volume, step, *plan);
}

void Executor::begin_probe(Volume& volume, const Step& step, const RungPlan&) {
  auto& activity = activities_[volume.id];
  if (!activity.unsaved.empty() || activity.needs_full_save) commit(volume, nullptr);
  start_rung_job(volume.id, step);
}

void Executor::begin_change(Volume& volume, const Step& step, const RungPlan&) {
  auto& activity = activities_[volume.id];
  auto& attachment = volume.attachments.at(step.key.target);
  auto& record = attachment.rungs[step.rung];
  activity.state_before = record.state;
  if (step.kind == Step::Kind::Lower && !record.asked_down) record.asked_down = parts_.runner.now();
  const auto state = step.kind == Step::Kind::Raise ? RungState::Raising : RungState::Lowering;
  if (step.kind == Step::Kind::Raise && !attachment.raised_as) {
    attachment.raised_as = attachment.desired.spec.access;
    save(volume.id, put_attachment(attachment));
  }
  if (record.state != state) {
    set_state(attachment, step.rung, state);
    save_rung(attachment, step.rung);
  }
  if (record.is_intent_stored) {
    if (!activity.unsaved.empty() || activity.needs_full_save) commit(volume, nullptr);
    return start_rung_job(volume.id, step);
  }
  std::vector<RungId> written{step.rung};
  write_ahead(volume, step, written);
  write_intent(volume, step, std::move(written));
}

void Executor::write_intent(Volume& volume, const Step& step, std::vector<RungId> written) {
  commit(volume, [this, id = volume.id, step, written = std::move(written)](const Status& status) {
    if (!status.ok()) return intent_failed(id, status.error());
    auto& climbing_volume = *parts_.world.find(id);
    auto& climbing = climbing_volume.attachments.at(step.key.target);
    for (const auto& rung : written) climbing.rungs[rung].is_intent_stored = true;
    if (is_stopping_) return;
    // An earlier commit failed meanwhile: nothing is begun on what the store does not know.
    if (!is_durable(activities_[id])) return write_intent(climbing_volume, step, {});
    start_rung_job(id, step);
  });
}

// The rest of this climb (up) or descent (down) is Doubtful from now on: after a crash all of it is probed.
void Executor::write_ahead(Volume& volume, const Step& step, std::vector<RungId>& written) {
  auto& attachment = volume.attachments.at(step.key.target);
  const auto& ladder = *parts_.ladders.find(step.key);
  const auto add = [&](const RungId& id, const RungRecord& record) {
    if (id == step.rung || record.is_intent_stored) return;
    save(volume.id, PutRung{step.key, id, StoredState::Doubtful, record.facts, record.since});
    written.push_back(id);
  };
  for (std::size_t index = 0; index < ladder.trunk.size(); ++index) {
    const RungId id{ladder.trunk[index].kind, {}};
    const auto& record = attachment.rung(id);
    const bool is_wanted_here = is_wanted(attachment.desired, ladder, index);
    if (step.kind == Step::Kind::Raise ? is_wanted_here && record.state == RungState::Down
                                       : !is_wanted_here && record.state != RungState::Down)
      add(id, record);
  }
  if (step.kind == Step::Kind::Raise)
    for (const auto& [id, leaf] : attachment.desired.leaves)
      if (attachment.rung(id).state == RungState::Down) add(id, attachment.rung(id));
}

void Executor::begin_order(Volume& volume, const Step& step) {
  auto& activity = activities_[volume.id];
  auto& record = volume.orders.front();
  auto operation = record.operation.empty() ? "core-" + std::to_string(++operations_) : record.operation;
  activity.running = Running{step, std::move(operation), parts_.runner.now(), kOrderLimit, false};
  activity.was_begun = record.kept.contains(kBegunFact);
  if (record.is_intent_stored) {
    if (!activity.unsaved.empty() || activity.needs_full_save) commit(volume, nullptr);
    return start_order_job(volume.id, step);
  }
  record.kept[kBegunFact] = "true";
  save(volume.id, PutOrder{record.order, record.kept});
  commit(volume, [this, id = volume.id, step](const Status& status) {
    if (!status.ok()) return intent_failed(id, status.error());
    parts_.world.find(id)->orders.front().is_intent_stored = true;
    if (!is_stopping_) start_order_job(id, step);
  });
}

Changes Executor::take_unsaved(Volume& volume) {
  auto& activity = activities_[volume.id];
  auto changes = std::exchange(activity.unsaved, {});
  activity.needs_save_beside = false;
  if (!std::exchange(activity.needs_full_save, false)) return changes;
  auto everything = everything_of(volume);  // and then what is new, which may say more: a climb written ahead
  std::move(changes.begin(), changes.end(), std::back_inserter(everything));
  return everything;
}

void Executor::commit(Volume& volume, std::function<void(Status)> told) {
  commit(volume.id, take_unsaved(volume), std::move(told));
}

// While a step runs, the store may know more of it than we do: the facts that it keeps, and the intents of its climb.
void Executor::commit_beside(Volume& volume) {
  auto& activity = activities_[volume.id];
  if (activity.unsaved.empty() && !activity.needs_save_beside) return;
  Changes changes;
  if (std::exchange(activity.needs_save_beside, false)) changes = everything_beside(volume, activity.running->step);
  auto unsaved = std::exchange(activity.unsaved, {});
  std::move(unsaved.begin(), unsaved.end(), std::back_inserter(changes));
  commit(volume.id, std::move(changes), nullptr);
}

void Executor::commit(const VolumeId& volume, Changes changes, std::function<void(Status)> told) {
  const auto urgency = told ? Store::Urgency::Now : Store::Urgency::Soon;
  const auto all_desired = activities_[volume].all_desired;
  const auto failed_before = activities_[volume].failed_commits;
  const auto unanswered = activities_[volume].unanswered;
  ++*unanswered;
  const auto answered = [this, id = volume, all_desired, failed_before, unanswered, over = orders_over(changes),
                         told = std::move(told)](const Status& status) {
    --*unanswered;
    auto found = activities_.find(id);
    // What was given before a failure did not carry what failed.
    const bool is_news = found != activities_.end() && status.ok() && found->second.failed_commits == failed_before &&
                         found->second.stored_desired < all_desired;
    if (is_news) found->second.stored_desired = all_desired;
    if (found != activities_.end() && !status.ok()) {
      ++found->second.failed_commits;
      found->second.needs_full_save = found->second.needs_save_beside = true;
      found->second.unsaved.insert(found->second.unsaved.end(), over.begin(), over.end());
      if (!found->second.running) wake_at(id, parts_.runner.now() + kSaveAgain);
    }
    if (told) told(status);
    if (is_news && parts_.world.find(id) != nullptr) parts_.after_change(id);
    if (found = activities_.find(id); found != activities_.end() && is_idle(found->second)) activities_.erase(found);
  };
  parts_.store.commit(std::move(changes), urgency, answered);
}

void Executor::intent_failed(const VolumeId& id, const Error& error) {
  auto& activity = activities_[id];
  const auto step = activity.running->step;
  auto& volume = *parts_.world.find(id);
  if (step.kind == Step::Kind::Perform) return end_order(id, Attempt{error}, volume.orders.front().kept);
  auto& attachment = volume.attachments.at(step.key.target);
  end_change(attachment, step, Attempt{error}, Facts(attachment.rung(step.rung).facts));
  finish(id);
}

// --- the job ---

void Executor::start_rung_job(const VolumeId& id, const Step& step) {
  auto& activity = activities_[id];
  auto& running = *activity.running;
  running.is_in_lane = true;
  const auto& attachment = parts_.world.find(id)->attachments.at(step.key.target);
  const auto& ladder = *parts_.ladders.find(step.key);
  const auto* plan = plan_of(ladder, step.rung);
  // The job lives on a worker: it has copies of all it needs.
  struct Inputs {
    Step step;
    Spec spec;
    std::optional<LeafSpec> leaf;
    Facts below, before;
    std::string operation;
    std::stop_token stop;
    std::chrono::milliseconds limit;
    std::shared_ptr<KeepingJournal> journal;
    Time doubted_at;
    bool is_in_between;
  };
  const auto& record = attachment.rung(step.rung);
  auto journal = std::make_shared<KeepingJournal>(parts_.store, [step, state = record.state,
                                                                 since = record.since](const Facts& facts) {
    return PutRung{step.key, step.rung, state == RungState::Lowering ? StoredState::Lowering : StoredState::Raising, facts, since};
  });
  journal->kept = record.facts;
  const auto* leaf = leaf_spec(attachment, step.rung);
  auto inputs = std::make_shared<Inputs>(
      Inputs{step, attachment.desired.spec, leaf == nullptr ? std::nullopt : std::optional(*leaf),
             facts_below(attachment, ladder, step.rung), record.facts, running.operation, activity.stop.get_token(), running.limit,
             journal, record.doubted_at, record.state != RungState::Up});
  const auto work = [inputs, rung = plan->rung, &runner = parts_.runner]() -> Job::Answer {
    const Call call{inputs->step.key,
                    inputs->step.rung,
                    inputs->spec,
                    inputs->leaf ? &*inputs->leaf : nullptr,
                    inputs->below,
                    inputs->before,
                    runner.now() + inputs->limit,
                    inputs->stop,
                    inputs->operation,
                    inputs->step.lower_reason,
                    *inputs->journal,
                    inputs->doubted_at,
                    inputs->is_in_between};
    switch (inputs->step.kind) {
      case Step::Kind::Probe: return rung->probe(call);
      case Step::Kind::Raise: return rung->raise(call);
      case Step::Kind::Lower: return rung->lower(call);
      case Step::Kind::Perform: break;
    }
    return Attempt{no_effect(Code::Internal, "an order is not a rung")};
  };
  const auto turn = attachment.desired.attached ? Turn::Up : Turn::Down;
  parts_.runner.start({lane_of(plan->lane, step.key), turn, work,
                       [this, id, journal](const Job::Answer& answer) { end_rung(id, answer, journal->kept); }, plan->lane_width});
}

namespace {
// Beside the backend's holds, and many at a time: one that copies for minutes delays no other volume's.
constexpr std::size_t kOrdersAtATime = 16;
}  // namespace

void Executor::start_order_job(const VolumeId& id, const Step& step) {
  auto& activity = activities_[id];
  activity.running->is_in_lane = true;
  const auto& record = parts_.world.find(id)->orders.front();
  CHECK(record.order.id == step.order);
  auto* acts = parts_.ladders.performer(id);
  auto journal = std::make_shared<KeepingJournal>(parts_.store, [order = record.order](const Facts& facts) {
    return PutOrder{order, facts};
  });
  journal->kept = record.kept;
  const auto work = [acts, journal, order = record.order, before = record.kept, operation = activity.running->operation,
                     stop = activity.stop.get_token(), &runner = parts_.runner]() -> Job::Answer {
    if (acts == nullptr) return Attempt{no_effect(Code::NotFound, "no backend '" + backend_of(order.volume) + "' is configured")};
    return acts->perform({order, before, runner.now() + kOrderLimit, stop, operation, *journal});
  };
  parts_.runner.start({"orders:" + backend_of(id), Turn::Up, work,
                       [this, id, journal](const Job::Answer& answer) { end_order(id, answer, journal->kept); }, kOrdersAtATime});
}

}  // namespace blockplug
