// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/report.h"

#include <algorithm>

#include "attach-detach/backoff.h"

namespace blockplug {
namespace {

bool is_uncertain(const RungRecord& record) { return record.belief == Belief::Unverified || record.belief == Belief::Unverifiable; }

std::string mark_text(const RungRecord& record) {
  if (is_uncertain(record)) return "uncertain";
  if (record.state == RungState::Up && record.is_stale) return "stale";
  return to_text(record.state);
}

RungReport rung_report(const RungId& id, const RungRecord& record) {
  RungReport report{id, mark_text(record), record.facts, {}, record.why, record.since};
  if (record.waiting) report.waiting_for = record.waiting->for_what;
  if (record.last_error) report.note = record.last_error->message;
  return report;
}

bool is_stuck(const ReportInputs& inputs) {
  if (inputs.running != nullptr && inputs.running->step.kind != Step::Kind::Perform &&
      inputs.running->step.key == inputs.attachment.key && inputs.now - inputs.running->begun > inputs.running->limit)
    return true;
  for (const auto& [id, record] : inputs.attachment.rungs) {
    const auto* plan = plan_of(*inputs.ladder, id);
    if (record.state == RungState::Lowering && record.asked_down && plan != nullptr &&
        inputs.now - *record.asked_down > plan->lower_limit)
      return true;
  }
  return false;
}

template <typename Predicate>
bool any_rung(const Attachment& attachment, Predicate predicate) {
  return std::any_of(attachment.rungs.begin(), attachment.rungs.end(), [&](const auto& entry) { return predicate(entry.second); });
}

// Of the disk; what is not known of a record elsewhere makes nothing uncertain.
bool is_disk_uncertain(const Attachment& attachment, const Ladder& ladder) {
  return std::any_of(attachment.rungs.begin(), attachment.rungs.end(),
                     [&](const auto& entry) { return is_uncertain(entry.second) && !is_bookkeeping(ladder, entry.first); });
}

// Is a record elsewhere known to be missing or out of date, or could not be verified?
bool lacks_record(const Attachment& attachment, const Ladder& ladder) {
  for (std::size_t index = 0; index < ladder.trunk.size(); ++index) {
    if (!ladder.trunk[index].is_bookkeeping || !is_wanted(attachment.desired, ladder, index)) continue;
    const auto& record = attachment.rung({ladder.trunk[index].kind, {}});
    if (record.belief == Belief::Unverified) continue;  // being asked for
    if (record.state != RungState::Up || record.is_stale || record.belief == Belief::Unverifiable) return true;
  }
  return false;
}

State state_of(const ReportInputs& inputs) {
  const auto& attachment = inputs.attachment;
  // Of a fence an attachment hears also while something here uses it.
  if (attachment.broken) return attachment.desired.attached && fenced_rung(attachment) != nullptr ? State::Fenced : State::Broken;
  if (inputs.ladder == nullptr || is_disk_uncertain(attachment, *inputs.ladder)) return State::Uncertain;
  if (is_stuck(inputs)) return State::Stuck;
  if (!attachment.desired.attached) return State::Detaching;
  if (is_complete(attachment, *inputs.ladder)) return lacks_record(attachment, *inputs.ladder) ? State::Degraded : State::Attached;
  if (fenced_rung(attachment) != nullptr) return State::Fenced;
  if (any_rung(attachment, [](const RungRecord& record) { return record.waiting.has_value(); })) return State::Waiting;
  if (any_rung(attachment, [](const RungRecord& record) { return record.last_error && is_final(*record.last_error); }))
    return State::Failed;
  return State::Attaching;
}

// The rung that fails most is the one to be told of.
const RungRecord* worst_of(const Attachment& attachment) {
  const RungRecord* worst = nullptr;
  for (const auto& [id, record] : attachment.rungs)
    if (record.last_error && (worst == nullptr || record.tries.attempts > worst->tries.attempts)) worst = &record;
  return worst;
}

// First of all reasons: whatever else is the matter comes of it.
void tell_of_fence(const Attachment& attachment, AttachmentReport& report) {
  for (const auto& [id, record] : attachment.rungs) {
    if (!is_fenced(record)) continue;
    report.last_error = fenced_error(record);
    report.reasons.push_back(to_text(id) + ": " + report.last_error->message);
  }
}

std::optional<WallClock::time_point> to_wall(const std::optional<Time>& time, const ReportInputs& inputs) {
  if (!time || *time <= inputs.now) return std::nullopt;
  return inputs.wall + std::chrono::duration_cast<WallClock::duration>(*time - inputs.now);
}

}  // namespace

AttachmentReport report_on(const ReportInputs& inputs) {
  const auto& attachment = inputs.attachment;
  AttachmentReport report;
  report.key = attachment.key;
  report.is_desired = attachment.desired.attached;
  report.state = state_of(inputs);
  report.spec = attachment.desired.spec;
  report.leaves = attachment.desired.leaves;
  report.since = attachment.first_desired;
  for (const auto& [id, record] : attachment.rungs) report.since = std::max(report.since, record.since);
  if (inputs.ladder != nullptr)
    for (const auto& plan : inputs.ladder->trunk) {
      const RungId id{plan.kind, {}};
      const auto& record = attachment.rung(id);
      if (!is_for(attachment.desired, plan) && record.state == RungState::Down && !is_uncertain(record)) continue;
      report.rungs.push_back(rung_report(id, record));
      if (record.state == RungState::Up && !is_uncertain(record)) report.highest = plan.kind;
    }
  for (const auto& [id, record] : attachment.rungs)
    if (!id.leaf.empty()) report.rungs.push_back(rung_report(id, record));
  if (const auto* worst = worst_of(attachment)) {
    report.last_error = worst->last_error;
    report.attempts = worst->tries.attempts;
  }
  if (attachment.failure) report.last_error = attachment.failure;
  if (report.state == State::Fenced) tell_of_fence(attachment, report);
  report.next_try = to_wall(inputs.decision.wake, inputs);
  for (const auto& reason : inputs.decision.reasons)
    if (reason.subject == attachment.key.target.str() || reason.subject.starts_with("order")) report.reasons.push_back(reason.text);
  if (inputs.running != nullptr) {
    const auto& running = *inputs.running;
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(inputs.now - running.begun);
    report.running = RunningReport{to_text(running.step), running.operation, age, running.limit, {}};
    const auto& waiting = attachment.rung(running.step.rung).waiting;
    if (running.step.key == attachment.key && waiting) report.running->waited_for = waiting->for_what;
  }
  return report;
}

std::string summary(const AttachmentReport& report) {
  std::string text = to_text(report.state);
  for (const auto& reason : report.reasons) text += "; " + reason;
  if (report.running) {
    text += "; " + report.running->step + " has been running for " + std::to_string(report.running->age.count()) + " ms (limit " +
            std::to_string(report.running->limit.count()) + " ms)";
    if (!report.running->waited_for.empty()) text += ", after waiting for: " + report.running->waited_for;
  }
  if (report.last_error) text += "; last error: " + report.last_error->message;
  return text;
}

const char* to_text(State state) {
  switch (state) {
    case State::Attached: return "attached";
    case State::Degraded: return "degraded";
    case State::Attaching: return "attaching";
    case State::Detaching: return "detaching";
    case State::Waiting: return "waiting";
    case State::Uncertain: return "uncertain";
    case State::Stuck: return "stuck";
    case State::Broken: return "broken";
    case State::Fenced: return "fenced";
    case State::Failed: return "failed";
    case State::Orphan: return "orphan";
  }
  return "?";
}

}  // namespace blockplug
