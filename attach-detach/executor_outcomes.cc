// SPDX-License-Identifier: Apache-2.0
// The second half of the executor: what came of a step, and what is believed from then on.
#include <algorithm>
#include <cstdlib>

#include "attach-detach/backoff.h"
#include "attach-detach/changes.h"
#include "attach-detach/executor.h"
#include "attach-detach/roles.h"

namespace blockplug {
namespace {

// Its user tells nobody when he has gone: looked at every 5 s at first, every minute in the end.
std::chrono::seconds until_next_look(int attempts) { return std::chrono::seconds(5) * std::clamp(attempts, 1, 12); }

decltype(Spec::limits) limits_in(const Facts& facts) {
  constexpr std::string_view kLimit = "limit.";
  decltype(Spec::limits) limits;
  for (const auto& [name, value] : facts)
    if (name.starts_with(kLimit)) limits[name.substr(kLimit.size())] = std::strtoll(value.c_str(), nullptr, 10);
  return limits;
}

std::string kind_of_order(const Volume& volume, std::int64_t order) {
  for (const auto& record : volume.orders)
    if (record.order.id == order) return to_text(record.order.kind);
  return {};
}

void try_later(Backoff& backoff, Time now) { backoff.not_before = now + delay_after(++backoff.attempts); }

}  // namespace

void Executor::finish(const VolumeId& id) {
  auto& activity = activities_[id];
  activity.running.reset();
  parts_.after_change(id);
  consider(id);
}

void Executor::tell(const VolumeId& id, const Running& running, const Job::Answer& answer) const {
  if (!parts_.on_step) return;
  const bool is_order = running.step.kind == Step::Kind::Perform;
  StepEnd end{id,
              running.step.kind,
              is_order ? kind_of_order(*parts_.world.find(id), running.step.order) : running.step.rung.kind.str(),
              is_order ? id.str() : to_text(running.step.key),
              to_text(running.step.kind),
              running.operation,
              std::chrono::duration_cast<std::chrono::milliseconds>(parts_.runner.now() - running.begun),
              {}};
  end.text += " " + (is_order ? "order " + std::to_string(running.step.order) : to_text(running.step.rung)) + ": ";
  if (const auto* finding = std::get_if<Finding>(&answer)) {
    end.text += to_text(finding->standing) + (finding->why.empty() ? std::string{} : " (" + finding->why + ")");
  } else {
    const auto& attempt = std::get<Attempt>(answer);
    if (const auto* waiting = std::get_if<Waiting>(&attempt)) {
      end.outcome = StepEnd::Outcome::Waiting;
      end.text += "waiting: " + waiting->for_what;
    } else if (const auto* error = std::get_if<Error>(&attempt)) {
      end.outcome = StepEnd::Outcome::Failed;
      end.text +=
          std::string(to_text(error->code)) + (error->effect == Effect::Unknown ? " (effect unknown): " : ": ") + error->message;
    } else {
      end.text += "done";
    }
  }
  parts_.on_step(end);
}

void Executor::end_rung(const VolumeId& id, const Job::Answer& answer, const Facts& kept) {
  auto& activity = activities_[id];
  tell(id, *activity.running, answer);
  const auto step = activity.running->step;
  auto& attachment = parts_.world.find(id)->attachments.at(step.key.target);
  if (const auto* finding = std::get_if<Finding>(&answer))
    end_probe(attachment, step, *finding);
  else
    end_change(attachment, step, std::get<Attempt>(answer), kept);
  if (const auto found = attachment.rungs.find(step.rung); found != attachment.rungs.end()) {
    if (activity.was_touched) found->second.waiting.reset();
    if (activity.doubt) doubt(found->second, is_bookkeeping(*parts_.ladders.find(step.key), step.rung), *activity.doubt);
  }
  finish(id);
}

void Executor::end_probe(Attachment& attachment, const Step& step, const Finding& finding) {
  auto& record = attachment.rungs[step.rung];
  record.why = finding.why;
  if (finding.standing == Standing::Unknown) {
    record.belief = Belief::Unverifiable;
    record.doubted_at = parts_.runner.now();  // the failed reading is not asked for again
    return try_later(record.probes, parts_.runner.now());
  }
  record.belief = Belief::Known;
  record.probes = {};
  const auto before = record.state;
  const bool was_up = before == RungState::Up;
  if (finding.standing == Standing::Down || finding.standing == Standing::Foreign) {
    // What came to nothing waits its turn.
    const auto attempt = before == RungState::Raising || before == RungState::Down ? record : RungRecord{};
    const bool was_fenced = finding.is_fenced || is_fenced(record);
    if (finding.is_fenced) set_asked_again(attachment, false);  // whatever was asked before
    lowered(attachment, step.rung);
    auto& gone = attachment.rungs[step.rung];
    gone.tries = attempt.tries;
    gone.last_error = attempt.last_error;
    gone.why = finding.why;
    if (was_fenced) {
      gone.facts[kFencedFact] = attachment.asked_again ? kAskedAgain : kNotAskedAgain;
      save_rung(attachment, step.rung);
    }
    if (finding.is_fenced) must_be_durable(attachment.key.volume);
    if (finding.is_fenced) withdraw(attachment, step.rung, no_effect(Code::FailedPrecondition, finding.why));
    if (finding.standing == Standing::Foreign) gone.last_error = no_effect(Code::FailedPrecondition, finding.why);
    if (!was_up || !step.rung.leaf.empty()) return;
    for (const auto& plan : parts_.ladders.find(attachment.key)->trunk) {  // a hole: what is below may be gone too
      if (plan.kind == step.rung.kind) break;
      const auto below = attachment.rungs.find({plan.kind, {}});
      if (below != attachment.rungs.end() && below->second.belief != Belief::Unverifiable)
        doubt(below->second, plan.is_bookkeeping, Belief::Unverified);
    }
    return;
  }
  // Our entry in the hold, not through yet, proves that a call had asked; one that is up needs no asking.
  if (is_fenced(record)) set_asked_again(attachment, finding.standing == Standing::Partial);
  record.is_stale = finding.standing == Standing::Stale;
  if (finding.standing == Standing::Up && before != RungState::Lowering) {  // whatever went wrong on the way, it is there
    record.last_error.reset();
    record.tries = {};
  }
  const bool is_news = !finding.facts.empty() && finding.facts != record.facts;
  if (is_news) record.facts = finding.facts;
  // What was on its way down must arrive there, whatever it looks like now.
  if (before != RungState::Lowering)
    set_state(attachment, step.rung, finding.standing == Standing::Partial ? RungState::Raising : RungState::Up);
  // A look that found what is written already writes nothing: at a restart and at each resync that is every look.
  const bool is_written_otherwise = record.is_intent_stored && record.state == RungState::Up;
  if (record.state != before || is_news || is_written_otherwise) save_rung(attachment, step.rung);
  if (finding.standing == Standing::Up) learn_image(attachment, step.rung, record.facts);
}

void Executor::end_change(Attachment& attachment, const Step& step, const Attempt& attempt, const Facts& kept) {
  auto& activity = activities_[attachment.key.volume];
  auto& record = attachment.rungs[step.rung];
  if (const auto* done = std::get_if<Done>(&attempt)) {
    if (step.kind == Step::Kind::Raise) return raised(attachment, step.rung, record, *done);
    return lowered(attachment, step.rung);
  }
  record.facts = kept;
  if (step.kind == Step::Kind::Lower && (record.waiting || record.tries.attempts > 0)) doubt_above(attachment, step.rung);
  if (const auto* waiting = std::get_if<Waiting>(&attempt)) {
    if (activity.state_before == RungState::Up && step.kind == Step::Kind::Raise)
      set_state(attachment, step.rung, RungState::Up);  // stale, as before
    record.waiting = *waiting;
    return;
  }
  failed(attachment, step, record, std::get<Error>(attempt));
}

void Executor::raised(Attachment& attachment, const RungId& id, RungRecord& record, const Done& done) {
  record.facts = done.facts;
  record.is_stale = false;
  record.tries = {};
  record.waiting.reset();
  record.last_error.reset();
  record.why.clear();
  record.belief = Belief::Known;
  set_state(attachment, id, RungState::Up);
  save_rung(attachment, id);
  if (fenced_rung(attachment) == nullptr) attachment.asked_again = false;  // not by a record below it that is repaired
  learn_image(attachment, id, record.facts);
}

// Which image it is may be known only to a rung. If it turns out to be one that another attachment has, this one must go no higher:
// the rung comes down again. Then the desired state is withdrawn, as the door would have refused it, and so are those of the same
// volume that it would have refused. One whose image was known, and is another now, was complete before: it waits.
void Executor::learn_image(Attachment& attachment, const RungId& id, const Facts& facts) {
  auto& volume = *parts_.world.find(attachment.key.volume);
  const ImageId image(fact(facts, roles::kImageId));
  if (image.empty() || image == volume.image) return;
  const bool was_known = !volume.image.empty();
  parts_.world.set_image(volume, image);
  save(volume.id, PutVolume{volume.id, image});
  must_be_durable_first(attachment);  // a later life takes no other name of this image for another one
  if (rival_of(attachment) != nullptr) {
    set_state(attachment, id, RungState::Lowering);
    save_rung(attachment, id);
  }
  for (auto& [target, each] : volume.attachments) {
    const auto* rival = was_known ? nullptr : rival_of(each);
    if (rival == nullptr || !rival->desired.attached) continue;
    each.ever_complete = false;  // after a restart every desired state counts as complete; nobody was told that this one was
    withdraw(each, id,
             within(to_text(id.kind), no_effect(Code::FailedPrecondition, "its image is attached already, as " +
                                                                              to_text(rival->key) + ". Detach that first")));
  }
}

// Of another volume that is the same image, desired or not down yet, and not to be shared; one that is desired, if there is one.
const Attachment* Executor::rival_of(const Attachment& attachment) const {
  const Attachment* rival = nullptr;
  for (const auto* other : parts_.world.sharing_image(*parts_.world.find(attachment.key.volume)))
    for (const auto& [target, theirs] : other->attachments) {
      const bool is_in_use = theirs.desired.attached || !is_all_down(theirs);
      if (is_in_use && !may_share(theirs, attachment.desired) && (rival == nullptr || theirs.desired.attached)) rival = &theirs;
    }
  return rival;
}

// A rung will not go, for the second time: what is recorded as down above it may be there.
void Executor::doubt_above(Attachment& attachment, const RungId& id) {
  if (!id.leaf.empty()) return;
  const auto& ladder = *parts_.ladders.find(attachment.key);
  if (plan_of(ladder, id)->needs_staging_path) return;  // nothing stands on that
  const auto& trunk = ladder.trunk;
  for (auto plan = trunk.rbegin(); plan != trunk.rend() && plan->kind != id.kind; ++plan) {
    auto& record = attachment.rungs[{plan->kind, {}}];
    if (record.state != RungState::Down || record.belief != Belief::Known || plan->falls_with_below) continue;
    record.belief = Belief::Recheck;
    record.doubted_at = parts_.runner.now();
  }
}

// Down, and with it what falls with it.
void Executor::lowered(Attachment& attachment, const RungId& id) {
  forget_rung(attachment, id);
  consider_sharing(attachment.key.volume);
  if (!id.leaf.empty()) return;
  const auto& trunk = parts_.ladders.find(attachment.key)->trunk;
  auto plan = std::find_if(trunk.begin(), trunk.end(), [&](const RungPlan& candidate) { return candidate.kind == id.kind; });
  for (++plan; plan < trunk.end() && plan->falls_with_below; ++plan) forget_rung(attachment, {plan->kind, {}});
}

void Executor::forget_rung(Attachment& attachment, const RungId& id) {
  attachment.rungs[id] = RungRecord{};
  save(attachment.key.volume, ForgetRung{attachment.key, id});
  forget_access_where_down(attachment);
}

// What is all down may be raised for any access, also where a raise without effect was all there ever was.
void Executor::forget_access_where_down(Attachment& attachment) {
  if (!attachment.raised_as || !is_all_down(attachment)) return;
  attachment.raised_as.reset();
  save(attachment.key.volume, put_attachment(attachment));
  consider_sharing(attachment.key.volume);  // they may share it with what is raised next
}

// Whoever waits for the image under another name.
void Executor::consider_sharing(const VolumeId& id) {
  for (const auto* other : parts_.world.sharing_image(*parts_.world.find(id)))
    parts_.runner.post([this, waiting = other->id] { consider(waiting); });
}

void Executor::set_asked_again(Attachment& attachment, bool is_asked) {
  attachment.asked_again = is_asked;
  for (auto& [id, record] : attachment.rungs) {
    const auto* value = is_asked ? kAskedAgain : kNotAskedAgain;
    if (!is_fenced(record) || record.facts[kFencedFact] == value) continue;
    record.facts[kFencedFact] = value;
    save_rung(attachment, id);
  }
}

void Executor::failed(Attachment& attachment, const Step& step, RungRecord& record, const Error& error) {
  auto& activity = activities_[attachment.key.volume];
  record.last_error = within(to_text(step.rung.kind), error);
  record.waiting.reset();
  if (activity.stop.stop_requested() && error.code == Code::Cancelled)
    record.tries = {};  // it gave up because it was told to
  else
    try_later(record.tries, parts_.runner.now());
  if (error.effect == Effect::Unknown) {
    unverify(record, parts_.runner.now());
    return;
  }
  if (record.state == RungState::Lowering && activity.state_before != RungState::Lowering)
    must_be_durable_first(attachment);  // the store says that it is being lowered
  set_state(attachment, step.rung, activity.state_before);
  save_rung(attachment, step.rung);
  forget_access_where_down(attachment);
  if (step.kind == Step::Kind::Lower) {
    if (step.lower_reason == LowerReason::GapBelow && error.code == Code::FailedPrecondition) {
      attachment.broken = error.message;
      record.tries.not_before = parts_.runner.now() + until_next_look(record.tries.attempts);
    }
    return;
  }
  if (!is_final(error)) return;
  set_asked_again(attachment, false);
  if (is_fenced(record) && record.state == RungState::Raising)
    unverify(record, parts_.runner.now());  // what it had begun before may be gone
  withdraw(attachment, step.rung, *record.last_error);
}

// Nothing more of it is raised, and nobody is told, before what was just learnt is stored.
void Executor::must_be_durable_first(Attachment& attachment) {
  must_be_durable(attachment.key.volume);
  for (auto& [id, record] : attachment.rungs) record.is_intent_stored = false;  // so that the next step waits for a commit
}

// A leaf goes alone where others stay, or where the trunk was wanted without any; what was complete once stays desired.
void Executor::withdraw(Attachment& attachment, const RungId& id, const Error& error) {
  auto& desired = attachment.desired;
  if (!desired.attached) return;
  const auto leaf = desired.leaves.find(id);
  if (leaf != desired.leaves.end() && !leaf->second.ever_complete) {
    desired.leaves.erase(leaf);
    attachment.leaf_failures[id] = error;
    desired.attached = !desired.leaves.empty() || attachment.is_trunk_wanted;
  } else if (!attachment.ever_complete) {
    desired.attached = false;
  } else if (fenced_rung(attachment) != nullptr && withdraw_new_leaves(attachment, error)) {
    desired.attached = !desired.leaves.empty() || attachment.is_trunk_wanted;
  } else {
    return;
  }
  if (!desired.attached) attachment.failure = error;
  for (auto& [rung, record] : attachment.rungs) record.tries = {};
  save(attachment.key.volume, put_attachment(attachment));
  must_be_durable(attachment.key.volume);
}

// What was never there does not come later, when somebody asks for the rest again. Were there any?
bool Executor::withdraw_new_leaves(Attachment& attachment, const Error& error) {
  const auto is_new = [&](const auto& leaf) {
    if (!leaf.second.ever_complete) attachment.leaf_failures[leaf.first] = error;
    return !leaf.second.ever_complete;
  };
  return std::erase_if(attachment.desired.leaves, is_new) > 0;
}

void Executor::set_state(Attachment& attachment, const RungId& id, RungState state) {
  auto& record = attachment.rungs[id];
  if (record.state == state) return;
  record.state = state;
  record.since = parts_.runner.wall();
  if (state == RungState::Up) record.asked_down.reset();
}

void Executor::save_rung(const Attachment& attachment, const RungId& id) {
  auto& record = const_cast<RungRecord&>(attachment.rung(id));
  save(attachment.key.volume, put_rung(attachment.key, id, record));
  if (record.state == RungState::Up || record.state == RungState::Down) record.is_intent_stored = false;
}

void Executor::end_order(const VolumeId& id, const Job::Answer& answer, const Facts& kept) {
  auto& activity = activities_[id];
  tell(id, *activity.running, answer);
  auto& volume = *parts_.world.find(id);
  auto& record = volume.orders.front();
  const auto& attempt = std::get<Attempt>(answer);
  record.kept = kept;
  std::optional<Result<Facts>> outcome;
  if (const auto* done = std::get_if<Done>(&attempt)) {
    if (const auto image = done->facts.find("image"); image != done->facts.end()) {
      parts_.world.set_image(volume, ImageId(image->second));
      save(id, PutVolume{id, volume.image});
    }
    const auto size = done->facts.find("size_bytes");
    SpecChange change;
    if (const auto bytes = size == done->facts.end() ? 0 : std::strtoll(size->second.c_str(), nullptr, 10); bytes > 0)
      change.size_bytes = bytes;
    if (record.order.kind == OrderKind::Modify) change.limits = limits_in(done->facts);
    if (change.size_bytes || change.limits) {
      volume.ordered_at = parts_.runner.now();
      respec(volume, change);
    }
    outcome = done->facts;
  } else if (const auto* waiting = std::get_if<Waiting>(&attempt)) {
    if (!activity.was_touched) record.waiting = *waiting;
  } else {
    record.last_error = std::get<Error>(attempt);
    try_later(record.tries, parts_.runner.now());
    const bool has_kept = record.kept.size() > 1;  // beside kBegunFact
    if (record.last_error->effect == Effect::None && !activity.was_begun && !has_kept) {
      record.kept.erase(kBegunFact);
      record.is_intent_stored = false;
      save(id, PutOrder{record.order, record.kept});
    }
    if (is_final(*record.last_error)) outcome = *record.last_error;
  }
  if (outcome) {
    const auto finished = std::move(record);
    volume.orders.pop_front();
    save(id, ForgetOrder{finished.order.id});
    parts_.after_order(finished, *outcome);
  }
  finish(id);
}

// An image that somebody has cut is not followed: nothing shrinks under something in use.
void Executor::respec(const VolumeId& id, const SpecChange& seen, Time read_at) {
  auto* volume = parts_.world.find(id);
  if (volume == nullptr || read_at < volume->ordered_at) return;
  const auto is_news = [&](const Spec& spec) {
    return (seen.size_bytes && *seen.size_bytes > spec.size_bytes) || (seen.limits && *seen.limits != spec.limits);
  };
  const bool has_news = std::any_of(volume->attachments.begin(), volume->attachments.end(),
                                    [&](const auto& entry) { return is_news(entry.second.desired.spec); });
  if (!has_news) return;
  respec(*volume, seen);
  consider(id);
}

// The image has another size or other limits now: every rung is asked whether it shows them.
void Executor::respec(Volume& volume, const SpecChange& change) {
  for (auto& [target, attachment] : volume.attachments) {
    auto& spec = attachment.desired.spec;
    if (change.size_bytes) spec.size_bytes = std::max(spec.size_bytes, *change.size_bytes);
    if (change.limits) spec.limits = *change.limits;
    save(volume.id, put_attachment(attachment));
    const auto* ladder = parts_.ladders.find(attachment.key);
    for (auto& [id, record] : attachment.rungs)
      if (record.belief != Belief::Unverifiable)
        doubt(record, ladder != nullptr && is_bookkeeping(*ladder, id), Belief::Unverified);
  }
}

}  // namespace blockplug
