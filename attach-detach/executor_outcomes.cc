// SPDX-License-Identifier: Apache-2.0
// The second half of the executor: what came of a step, and what is believed from then on.
#include <algorithm>
#include <cstdlib>

#include "attach-detach/backoff.h"
#include "attach-detach/changes.h"
#include "attach-detach/executor.h"

namespace blockplug {
namespace {

// Its user tells nobody when he has gone: looked at every 5 s at first, every minute in the end.
std::chrono::seconds until_next_look(int attempts) { return std::chrono::seconds(5) * std::clamp(attempts, 1, 12); }

void try_later(Backoff& backoff, Time now) { backoff.not_before = now + delay_after(++backoff.attempts); }

}  // namespace

void Executor::finish(const VolumeId& id) {
  auto& activity = activities_[id];
  activity.running.reset();
  --running_count_;
  parts_.after_change(id);
  consider(id);
}

void Executor::tell(const VolumeId& id, const Running& running, const Job::Answer& answer) const {
  if (!parts_.on_step) return;
  const bool is_order = running.step.kind == Step::Kind::Perform;
  StepEnd end{is_order ? id.str() : to_text(running.step.key), to_text(running.step.kind), running.operation,
              std::chrono::duration_cast<std::chrono::milliseconds>(parts_.runner.now() - running.begun), {}};
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
      end.text += std::string(to_text(error->code)) + (error->effect == Effect::Unknown ? " (effect unknown): " : ": ") + error->message;
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
  if (const auto* finding = std::get_if<Finding>(&answer)) end_probe(attachment, step, *finding);
  else end_change(attachment, step, std::get<Attempt>(answer), kept);
  if (const auto found = attachment.rungs.find(step.rung); found != attachment.rungs.end()) {
    if (activity.was_touched) found->second.waiting.reset();
    auto& record = found->second;
    const bool is_nothing = record.mark == Mark::Down && record.trust == Trust::Known;
    if (activity.doubt && !is_nothing && (*activity.doubt == Trust::Due || record.trust == Trust::Known)) {
      record.trust = *activity.doubt;
      record.probes = {};
    }
  }
  finish(id);
}

void Executor::end_probe(Attachment& attachment, const Step& step, const Finding& finding) {
  auto& record = attachment.rungs[step.rung];
  record.why = finding.why;
  if (finding.standing == Standing::Unknown) {
    record.trust = Trust::Unprovable;
    return try_later(record.probes, parts_.runner.now());
  }
  record.trust = Trust::Known;
  record.probes = {};
  const auto before = record.mark;
  const bool was_up = before == Mark::Up;
  if (finding.standing == Standing::Down || finding.standing == Standing::Foreign) {
    const auto attempt = before == Mark::Raising ? record : RungRecord{};  // that came to nothing: the next one waits its turn
    const bool was_fenced = finding.is_fenced || is_fenced(record);
    if (finding.is_fenced) attachment.asked_again = false;  // whatever was asked before
    lowered(attachment, step.rung);
    auto& gone = attachment.rungs[step.rung];
    gone.tries = attempt.tries;
    gone.last_error = attempt.last_error;
    gone.why = finding.why;
    if (was_fenced) {
      gone.facts[kFencedFact] = "true";
      save_rung(attachment, step.rung);
    }
    if (finding.is_fenced) withdraw(attachment, step.rung, no_effect(Code::FailedPrecondition, finding.why));
    if (finding.standing == Standing::Foreign) gone.last_error = no_effect(Code::FailedPrecondition, finding.why);
    if (!was_up || !step.rung.leaf.empty()) return;
    for (const auto& plan : parts_.ladders.find(attachment.key)->trunk) {  // a hole: what is below may be gone too
      if (plan.kind == step.rung.kind) break;
      const auto below = attachment.rungs.find({plan.kind, {}});
      if (below != attachment.rungs.end() && below->second.mark != Mark::Down && below->second.trust != Trust::Unprovable)
        below->second.trust = Trust::Due;
    }
    return;
  }
  // Our entry in the hold, not through yet, proves that a call had asked; one that is up needs no asking.
  if (is_fenced(record)) attachment.asked_again = finding.standing == Standing::Partial;
  record.is_stale = finding.standing == Standing::Stale;
  if (finding.standing == Standing::Up && before != Mark::Lowering) {  // whatever went wrong on the way, it is there
    record.last_error.reset();
    record.tries = {};
  }
  const bool is_news = !finding.facts.empty() && finding.facts != record.facts;
  if (is_news) record.facts = finding.facts;
  // What was on its way down must arrive there, whatever it looks like now.
  if (before != Mark::Lowering) set_mark(attachment, step.rung, finding.standing == Standing::Partial ? Mark::Raising : Mark::Up);
  // A look that found what is written already writes nothing: at a restart and at each resync that is every look.
  const bool is_written_otherwise = record.is_intent_stored && record.mark == Mark::Up;
  if (record.mark != before || is_news || is_written_otherwise) save_rung(attachment, step.rung);
}

void Executor::end_change(Attachment& attachment, const Step& step, const Attempt& attempt, const Facts& kept) {
  auto& activity = activities_[attachment.key.volume];
  auto& record = attachment.rungs[step.rung];
  if (const auto* done = std::get_if<Done>(&attempt)) {
    if (step.kind == Step::Kind::Raise) return raised(attachment, step.rung, record, *done);
    return lowered(attachment, step.rung);
  }
  record.facts = kept;
  if (const auto* waiting = std::get_if<Waiting>(&attempt)) {
    if (activity.mark_before == Mark::Up && step.kind == Step::Kind::Raise) set_mark(attachment, step.rung, Mark::Up);  // stale, as before
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
  record.trust = Trust::Known;
  set_mark(attachment, id, Mark::Up);
  save_rung(attachment, id);
  attachment.asked_again = false;
}

// Down, and with it what falls with it.
void Executor::lowered(Attachment& attachment, const RungId& id) {
  forget_rung(attachment, id);
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
}

void Executor::failed(Attachment& attachment, const Step& step, RungRecord& record, const Error& error) {
  auto& activity = activities_[attachment.key.volume];
  record.last_error = within(to_text(step.rung.kind), error);
  record.waiting.reset();
  if (activity.stop.stop_requested() && error.code == Code::Cancelled) record.tries = {};  // it gave up because it was told to
  else try_later(record.tries, parts_.runner.now());
  if (error.effect == Effect::Unknown) {
    record.trust = Trust::Due;
    return;
  }
  set_mark(attachment, step.rung, activity.mark_before);
  save_rung(attachment, step.rung);
  forget_access_where_down(attachment);
  if (step.kind == Step::Kind::Lower) {
    if (step.because == Because::Hole && error.code == Code::FailedPrecondition) {
      attachment.broken = error.message;
      record.tries.not_before = parts_.runner.now() + until_next_look(record.tries.attempts);
    }
    return;
  }
  if (!is_final(error)) return;
  attachment.asked_again = false;
  if (is_fenced(record) && record.mark == Mark::Raising) record.trust = Trust::Due;  // what it had begun before may be gone
  withdraw(attachment, step.rung, *record.last_error);
}

// A leaf goes alone where others stay; what was complete once stays wished.
void Executor::withdraw(Attachment& attachment, const RungId& id, const Error& error) {
  auto& wish = attachment.wish;
  if (!wish.attached) return;
  const auto leaf = wish.leaves.find(id);
  if (leaf != wish.leaves.end() && !leaf->second.ever_complete && (wish.leaves.size() > 1 || attachment.ever_complete)) {
    wish.leaves.erase(leaf);
    attachment.leaf_failures[id] = error;
  } else if (!attachment.ever_complete) {
    wish.attached = false;
    attachment.failure = error;
  } else if (fenced_rung(attachment) == nullptr || !withdraw_new_leaves(attachment, error)) {
    return;
  }
  for (auto& [rung, record] : attachment.rungs) record.tries = {};
  save(attachment.key.volume, put_attachment(attachment));
}

// What was never there does not come later, when somebody asks for the rest again. Were there any?
bool Executor::withdraw_new_leaves(Attachment& attachment, const Error& error) {
  const auto is_new = [&](const auto& leaf) {
    if (!leaf.second.ever_complete) attachment.leaf_failures[leaf.first] = error;
    return !leaf.second.ever_complete;
  };
  return std::erase_if(attachment.wish.leaves, is_new) > 0;
}

void Executor::set_mark(Attachment& attachment, const RungId& id, Mark mark) {
  auto& record = attachment.rungs[id];
  if (record.mark == mark) return;
  record.mark = mark;
  record.since = parts_.runner.wall();
  if (mark == Mark::Up) record.asked_down.reset();
}

void Executor::save_rung(const Attachment& attachment, const RungId& id) {
  auto& record = const_cast<RungRecord&>(attachment.rung(id));
  save(attachment.key.volume, put_rung(attachment.key, id, record));
  if (record.mark == Mark::Up || record.mark == Mark::Down) record.is_intent_stored = false;
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
    if (const auto bytes = size == done->facts.end() ? 0 : std::strtoll(size->second.c_str(), nullptr, 10); bytes > 0) resized(volume, bytes);
    if (record.order.kind == OrderKind::Modify) limited(volume, done->facts);
    outcome = done->facts;
  } else if (const auto* waiting = std::get_if<Waiting>(&attempt)) {
    if (!activity.was_touched) record.waiting = *waiting;
  } else {
    record.last_error = std::get<Error>(attempt);
    try_later(record.tries, parts_.runner.now());
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

// The image has another size now: every rung is asked whether it shows it.
void Executor::resized(Volume& volume, std::int64_t size_bytes) {
  for (auto& [target, attachment] : volume.attachments) attachment.wish.spec.size_bytes = size_bytes;
  ask_all_rungs(volume);
}

void Executor::limited(Volume& volume, const Facts& facts) {
  constexpr std::string_view kLimit = "limit.";
  decltype(Spec::limits) limits;
  for (const auto& [name, value] : facts)
    if (name.starts_with(kLimit)) limits[name.substr(kLimit.size())] = std::strtoll(value.c_str(), nullptr, 10);
  for (auto& [target, attachment] : volume.attachments) attachment.wish.spec.limits = limits;
  ask_all_rungs(volume);
}

void Executor::ask_all_rungs(Volume& volume) {
  for (auto& [target, attachment] : volume.attachments) {
    save(volume.id, put_attachment(attachment));
    for (auto& [id, record] : attachment.rungs)
      if (record.mark != Mark::Down && record.trust != Trust::Unprovable) record.trust = Trust::Due;
  }
}

}  // namespace blockplug
