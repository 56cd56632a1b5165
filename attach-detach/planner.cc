// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/planner.h"

#include <algorithm>

namespace blockplug {
namespace {

bool is_uncertain(const RungRecord& record) { return record.belief == Belief::Unverified || record.belief == Belief::Unverifiable; }
bool is_touched(const RungRecord& record) { return record.state != RungState::Down || is_uncertain(record); }

RungId trunk_id(const RungPlan& plan) { return {plan.kind, {}}; }

void keep_earliest(std::optional<Time>& wake, std::optional<Time> candidate) {
  if (candidate && (!wake || *candidate < *wake)) wake = candidate;
}

// The first trunk rung that uses the image; those below it only say whose it is.
std::size_t lowest_user(const Ladder& ladder) {
  std::size_t lowest = 0;
  for (std::size_t index = 0; index < ladder.trunk.size(); ++index)
    if (ladder.trunk[index].excludes) lowest = index + 1;
  return lowest;
}

// Why another attachment of the image is in the way; empty: none is.
struct Rivals {
  std::string holding;   // of the rungs that exclude
  std::string using_it;  // of all above those too: which image it is may have been learnt when both had come so far
};

// One attachment: what would be done next, in the order in which it is looked for.
class Climber {
 public:
  Climber(const Attachment& attachment, const Ladder& ladder, Time now, const LeafWaits& leaf_waits)
      : attachment_(attachment), ladder_(ladder), now_(now), leaf_waits_(leaf_waits) {}

  // `may_lower`: every rung of the volume was probed once.
  std::optional<Step> next(const Rivals& rivals, bool may_lower) {
    if (is_raised_by_another_ladder()) return std::nullopt;
    if (auto step = probe_trunk(Belief::Unverified, Part::Disk)) return step;
    if (disk_is_uncertain()) return std::nullopt;
    if (auto step = probe_leaves(Belief::Unverified)) return step;
    if (auto step = lower(may_lower)) return step;
    if (auto step = probe_trunk(Belief::Unverified, Part::Bookkeeping)) return step;  // the disk does not wait for it
    if (is_lowering_) return std::nullopt;
    return raise(rivals);
  }
  // The safety net comes last, so that it never keeps anything waiting.
  std::optional<Step> recheck() {
    for (const auto part : {Part::Disk, Part::Bookkeeping})
      if (auto step = probe_trunk(Belief::Recheck, part)) return step;
    return probe_leaves(Belief::Recheck);
  }
  const std::string& why() const { return why_; }
  std::optional<Time> wake() const { return wake_; }

 private:
  enum class Part : std::uint8_t { Disk, Bookkeeping };  // see RungPlan::is_bookkeeping

  // The backend of this name was of another kind, and nobody here knows how to lower what that one raised.
  bool is_raised_by_another_ladder() {
    const auto is_strange = [&](const RungId& id) {
      if (plan_of(ladder_, id) != nullptr) return false;
      why_ = to_text(id) + " is not on the ladder of this backend: configure the backend as it was, detach, and then change it";
      return true;
    };
    return std::any_of(attachment_.rungs.begin(), attachment_.rungs.end(),
                       [&](const auto& rung) { return is_touched(rung.second) && is_strange(rung.first); }) ||
           std::any_of(attachment_.desired.leaves.begin(), attachment_.desired.leaves.end(),
                       [&](const auto& leaf) { return attachment_.desired.attached && is_strange(leaf.first); });
  }

  const RungRecord& trunk(std::size_t index) const { return attachment_.rung(trunk_id(ladder_.trunk[index])); }

  bool may_go(const Backoff& backoff) {
    if (!backoff.not_before || *backoff.not_before <= now_) return true;
    keep_earliest(wake_, backoff.not_before);
    return false;
  }

  bool may_go(const RungRecord& record, const RungId& id) {
    if (record.waiting && (!record.waiting->until || *record.waiting->until > now_)) {
      keep_earliest(wake_, record.waiting->until);
      why_ = to_text(id) + ": waiting: " + record.waiting->for_what;
      return false;
    }
    if (may_go(record.tries)) return true;
    why_ = to_text(id) + ": trying again later: " + (record.last_error ? record.last_error->message : "");
    return false;
  }

  std::optional<Step> probe(const RungId& id, const RungRecord& record, Belief belief) {
    if (belief == Belief::Recheck ? record.belief != Belief::Recheck : !is_uncertain(record)) return std::nullopt;
    if (record.belief == Belief::Unverifiable) why_ = to_text(id) + " cannot be verified: " + record.why;
    if (!may_go(record.probes)) return std::nullopt;
    why_ = to_text(id) + (belief == Belief::Recheck ? " is checked again" : " is uncertain");
    return Step{Step::Kind::Probe, attachment_.key, id, {}, {}};
  }

  std::optional<Step> probe_trunk(Belief belief, Part part) {
    for (const auto& plan : ladder_.trunk)
      if (plan.is_bookkeeping == (part == Part::Bookkeeping))
        if (auto step = probe(trunk_id(plan), attachment_.rung(trunk_id(plan)), belief)) return step;
    return std::nullopt;
  }

  bool disk_is_uncertain() const {
    return std::any_of(ladder_.trunk.begin(), ladder_.trunk.end(), [&](const RungPlan& plan) {
      return !plan.is_bookkeeping && is_uncertain(attachment_.rung(trunk_id(plan)));
    });
  }

  std::optional<Step> probe_leaves(Belief belief) {
    for (const auto& [id, record] : attachment_.rungs)
      if (!id.leaf.empty() && plan_of(ladder_, id) != nullptr)
        if (auto step = probe(id, record, belief)) return step;
    return std::nullopt;
  }

  // How far up from the bottom the disk stands without a gap. A record elsewhere that is missing is no gap.
  std::size_t sound_prefix() const {
    std::size_t prefix = 0;
    while (prefix < ladder_.trunk.size() && (ladder_.trunk[prefix].is_bookkeeping || is_up(trunk(prefix)))) ++prefix;
    return prefix;
  }

  std::size_t wanted_height() const {
    std::size_t height = 0;
    if (is_raised_otherwise(attachment_)) return height;
    if (!attachment_.desired.attached) return height;
    const auto is_left_out = [&](const RungPlan& plan) { return !is_for(attachment_.desired, plan); };
    while (height < ladder_.trunk.size() && (is_left_out(ladder_.trunk[height]) || is_wanted(attachment_.desired, ladder_, height)))
      ++height;
    return height;
  }

  std::optional<Step> lower_one(const RungId& id, const RungRecord& record, LowerReason lower_reason, bool may_lower,
                                const std::string& reason) {
    is_lowering_ = true;
    if (!may_lower) {
      why_ = reason + ", but nothing is removed before all of this volume was verified";
      return std::nullopt;
    }
    if (lower_reason == LowerReason::GapBelow && attachment_.broken && !may_go(record.tries)) {  // and then: is it still in use?
      why_ = "broken: " + *attachment_.broken;
      return std::nullopt;
    }
    if (!may_go(record, id)) return std::nullopt;
    why_ = reason;
    if (lower_reason == LowerReason::NotWanted && attachment_.desired.by_force) lower_reason = LowerReason::Forced;
    return Step{Step::Kind::Lower, attachment_.key, id, lower_reason, {}};
  }

  std::optional<Step> lower(bool may_lower) {
    const auto height = wanted_height();
    const auto prefix = sound_prefix();
    if (auto step = lower_leaves(prefix < height || stands_above(height), may_lower)) return step;
    if (is_lowering_) return std::nullopt;
    for (auto index = ladder_.trunk.size(); index-- > 0;) {
      const auto& plan = ladder_.trunk[index];
      const auto& record = trunk(index);
      if (!is_touched(record) || plan.falls_with_below) continue;
      if (is_uncertain(record)) {  // a record elsewhere: asked for once the disk above it is down
        is_lowering_ = is_lowering_ || index >= height;
        continue;
      }
      if (index >= height)
        return lower_one(trunk_id(plan), record, LowerReason::NotWanted, may_lower,
                         to_text(trunk_id(plan)) + " is no longer needed");
      if (record.state == RungState::Lowering)
        return lower_one(trunk_id(plan), record, LowerReason::NotWanted, may_lower, to_text(trunk_id(plan)) + " is being removed");
      if (plan.is_bookkeeping) continue;
      if (index > prefix) return lower_one(trunk_id(plan), record, LowerReason::GapBelow, may_lower, hole_text(prefix));
      return std::nullopt;  // the highest standing rung is wanted, and all below it is up
    }
    return std::nullopt;
  }

  bool stands_above(std::size_t height) const {
    for (auto index = height; index < ladder_.trunk.size(); ++index)
      if (trunk(index).state != RungState::Down && !ladder_.trunk[index].falls_with_below) return true;
    return false;
  }

  // Leaves that are in the way of the trunk block its lowering; a leaf that only goes by itself does not block the rest.
  std::optional<Step> lower_leaves(bool trunk_must_go, bool may_lower) {
    for (const auto& [id, record] : attachment_.rungs) {
      if (id.leaf.empty() || !is_touched(record)) continue;
      const bool is_desired = wanted_height() > 0 && !stands_above(wanted_height()) && attachment_.desired.leaves.contains(id);
      const auto prefix = sound_prefix();
      const bool has_hole = prefix < wanted_height();
      if (is_desired && !has_hole && record.state != RungState::Lowering) continue;
      const bool may_stay_unproven = attachment_.desired.by_force && !is_desired && record.belief == Belief::Unverifiable;
      if (is_uncertain(record) && !may_stay_unproven) {
        is_lowering_ = is_lowering_ || trunk_must_go;
        continue;
      }
      const auto lower_reason = is_desired && has_hole ? LowerReason::GapBelow : LowerReason::NotWanted;
      const auto reason = lower_reason == LowerReason::GapBelow ? hole_text(prefix) : to_text(id) + " is no longer needed";
      const bool was_lowering = is_lowering_;
      if (auto step = lower_one(id, record, lower_reason, may_lower, reason)) return step;
      is_lowering_ = was_lowering || trunk_must_go;
    }
    return std::nullopt;
  }

  std::string hole_text(std::size_t prefix) const {
    return to_text(trunk_id(ladder_.trunk[prefix])) + " is gone; removing the layers above it first";
  }

  std::optional<Step> raise(const Rivals& rivals) {
    const auto height = wanted_height();
    bool is_complete_below = true;  // the records elsewhere included
    for (std::size_t index = 0; index < height; ++index) {
      const auto& plan = ladder_.trunk[index];
      const auto& record = trunk(index);
      if (!is_for(attachment_.desired, plan) || (is_up(record) && !record.is_stale)) continue;
      const bool may_raise = !is_uncertain(record) && (is_up(record) || is_complete_below);
      if (may_raise)
        if (auto step = raise_trunk(index, record, rivals)) return step;
      if (!plan.is_bookkeeping) return std::nullopt;
      const bool is_for_others = plan.needs_staging_path && attachment_.ever_complete;  // the disk does not need it
      is_complete_below = is_complete_below && (is_up(record) || is_for_others);
    }
    // A leaf needs the records once; later they are repaired beside it.
    if (height == 0 || (!is_complete_below && !attachment_.ever_complete)) return std::nullopt;
    for (const auto& [id, leaf] : attachment_.desired.leaves) {
      const auto& record = attachment_.rung(id);
      if (is_uncertain(record) || record.state == RungState::Lowering || (is_up(record) && !record.is_stale)) continue;
      if (is_in_the_way(rivals.using_it, record)) continue;
      if (const auto waits = leaf_waits_.find({attachment_.key.target, id}); waits != leaf_waits_.end()) {
        why_ = to_text(id) + ": " + waits->second;
        continue;
      }
      if (auto step = raise_one(id, record)) return step;
    }
    return std::nullopt;
  }

  bool is_in_the_way(const std::string& rival, const RungRecord& record) {
    if (rival.empty() || is_up(record)) return false;
    why_ = rival;
    return true;
  }

  std::optional<Step> raise_trunk(std::size_t index, const RungRecord& record, const Rivals& rivals) {
    const auto& plan = ladder_.trunk[index];
    if (plan.excludes && is_in_the_way(rivals.holding, record)) return std::nullopt;
    if (index >= lowest_user(ladder_) && is_in_the_way(rivals.using_it, record)) return std::nullopt;
    if (fenced_rung(attachment_) != nullptr && !attachment_.asked_again) {  // nor are the records below it
      why_ = "it was fenced and is not taken back automatically: attach it again, or detach it";
      return std::nullopt;
    }
    return raise_one(trunk_id(plan), record);
  }

  std::optional<Step> raise_one(const RungId& id, const RungRecord& record) {
    if (!may_go(record, id)) return std::nullopt;
    why_ = to_text(id) + (record.is_stale ? " is out of date" + (record.why.empty() ? "" : ": " + record.why) : " is down");
    if (record.waiting) why_ += ", after waiting: " + record.waiting->for_what;
    return Step{Step::Kind::Raise, attachment_.key, id, {}, {}};
  }

  const Attachment& attachment_;
  const Ladder& ladder_;
  const Time now_;
  const LeafWaits& leaf_waits_;
  bool is_lowering_{};
  std::string why_;
  std::optional<Time> wake_;
};

bool may_use_image(const Attachment& attachment, const Ladder* ladder) {
  if (ladder == nullptr) return !is_all_down(attachment);
  for (auto index = lowest_user(*ladder); index < ladder->trunk.size(); ++index)
    if (!ladder->trunk[index].falls_with_below && is_touched(attachment.rung(trunk_id(ladder->trunk[index])))) return true;
  return std::any_of(attachment.rungs.begin(), attachment.rungs.end(),
                     [](const auto& entry) { return !entry.first.leaf.empty() && is_touched(entry.second); });
}

// Nothing but a hand-over is or may be there.
bool has_let_go(const Attachment& attachment, const Ladder* ladder) {
  return std::all_of(attachment.rungs.begin(), attachment.rungs.end(), [&](const auto& entry) {
    const auto* plan = ladder == nullptr ? nullptr : plan_of(*ladder, entry.first);
    return !is_touched(entry.second) || (plan != nullptr && plan->needs_staging_path);
  });
}

Rivals rivals_of(const Attachment& attachment, const Volume& volume, const std::vector<const Volume*>& same_image,
                 const Ladders& ladders) {
  Rivals rivals;
  const auto look_in = [&](const Volume& other) {
    for (const auto& [target, rival] : other.attachments) {
      if (rival.key == attachment.key || has_let_go(rival, ladders.find(rival.key)) || may_share(rival, attachment.desired))
        continue;
      if (rivals.holding.empty()) rivals.holding = to_text(rival.key) + " still holds the image";
      if (rivals.using_it.empty() && may_use_image(rival, ladders.find(rival.key)))
        rivals.using_it = to_text(rival.key) + " still uses the image";
    }
  };
  look_in(volume);
  for (const auto* other : same_image) look_in(*other);
  return rivals;
}

std::optional<Step> next_order(const Volume& volume, const std::vector<const Volume*>& same_image, Time now, Decision& decision) {
  if (volume.orders.empty()) return std::nullopt;
  const auto& record = volume.orders.front();
  const auto subject = "order " + std::to_string(record.order.id) + " (" + to_text(record.order.kind) + ")";
  const auto wait = [&](std::string text, std::optional<Time> until) {
    decision.reasons.push_back({subject, std::move(text)});
    keep_earliest(decision.wake, until);
    return std::nullopt;
  };
  if (record.order.kind == OrderKind::Delete) {
    for (const auto& [target, attachment] : volume.attachments)
      if (!is_all_down(attachment)) return wait("waiting until it is detached from " + target.str(), {});
    for (const auto* other : same_image)
      for (const auto& [target, attachment] : other->attachments)
        if (!is_all_down(attachment)) return wait("waiting until " + other->id.str() + " is detached from " + target.str(), {});
  }
  if (record.waiting && (!record.waiting->until || *record.waiting->until > now))
    return wait("waiting: " + record.waiting->for_what, record.waiting->until);
  if (record.tries.not_before && *record.tries.not_before > now)
    return wait("trying again later: " + (record.last_error ? record.last_error->message : ""), record.tries.not_before);
  decision.reasons.push_back({subject, "is to be performed"});
  return Step{Step::Kind::Perform, {}, {}, {}, record.order.id};
}

std::optional<Step> next_recheck(const Volume& volume, const Ladders& ladders, Time now) {
  for (const auto& [target, attachment] : volume.attachments)
    if (const auto* ladder = ladders.find(attachment.key))
      if (auto step = Climber(attachment, *ladder, now, {}).recheck()) return step;
  return std::nullopt;
}

// S5: nothing is lowered before every rung of the image was probed once in this life. Records elsewhere are not of the image.
bool was_probed(const Volume& volume, const Ladders& ladders) {
  for (const auto& [target, attachment] : volume.attachments) {
    const auto* ladder = ladders.find(attachment.key);
    for (const auto& [id, record] : attachment.rungs)
      if (record.belief == Belief::Unverified && (ladder == nullptr || !is_bookkeeping(*ladder, id))) return false;
  }
  return true;
}

}  // namespace

bool is_wanted(const Desired& desired, const Ladder& ladder, std::size_t index) {
  if (!desired.attached || !is_for(desired, ladder.trunk[index])) return false;
  if (!desired.up_to) return true;
  // What falls with the highest wanted rung goes with it on the way up, too.
  while (index > 0 && ladder.trunk[index].falls_with_below) --index;
  for (std::size_t below = 0; below < index; ++below)
    if (ladder.trunk[below].kind == *desired.up_to) return false;
  return true;
}

bool is_bookkeeping(const Ladder& ladder, const RungId& rung) {
  const auto* plan = plan_of(ladder, rung);
  return plan != nullptr && plan->is_bookkeeping;
}

const RungPlan* plan_of(const Ladder& ladder, const RungId& rung) {
  const auto& plans = rung.leaf.empty() ? ladder.trunk : ladder.leaves;
  const auto found = std::find_if(plans.begin(), plans.end(), [&](const RungPlan& plan) { return plan.kind == rung.kind; });
  return found == plans.end() ? nullptr : &*found;
}

bool is_up_to(const Attachment& attachment, const Ladder& ladder, const RungKind& highest) {
  if (!attachment.desired.attached || is_raised_otherwise(attachment)) return false;
  for (std::size_t index = 0; index < ladder.trunk.size(); ++index) {
    const auto& record = attachment.rung(trunk_id(ladder.trunk[index]));
    if (is_wanted(attachment.desired, ladder, index) && (!is_up(record) || record.is_stale)) return false;
    if (ladder.trunk[index].kind == highest) return true;
  }
  return false;
}

bool is_leaf_complete(const Attachment& attachment, const Ladder& ladder, const RungId& leaf) {
  if (!attachment.desired.attached || is_raised_otherwise(attachment)) return false;
  const auto is_good = [&](const RungId& id) {
    const auto& record = attachment.rung(id);
    return is_up(record) && !record.is_stale;
  };
  for (std::size_t index = 0; index < ladder.trunk.size(); ++index) {
    const auto& plan = ladder.trunk[index];
    if (plan.is_bookkeeping && attachment.ever_complete) continue;  // repaired beside it
    if (is_wanted(attachment.desired, ladder, index) && !is_good(trunk_id(plan))) return false;
  }
  return leaf.leaf.empty() || is_good(leaf);
}

bool is_complete(const Attachment& attachment, const Ladder& ladder) {
  if (!is_leaf_complete(attachment, ladder, {})) return false;
  return std::all_of(attachment.desired.leaves.begin(), attachment.desired.leaves.end(),
                     [&](const auto& leaf) { return is_leaf_complete(attachment, ladder, leaf.first); });
}

Decision plan(const Volume& volume, const std::vector<const Volume*>& same_image, const Ladders& ladders, Time now,
              const LeafWaits& leaf_waits) {
  Decision decision;
  const auto order = next_order(volume, same_image, now, decision);
  const bool may_lower = was_probed(volume, ladders) && std::all_of(same_image.begin(), same_image.end(), [&](const Volume* other) {
                           return was_probed(*other, ladders);
                         });
  for (const bool is_coming : {false, true}) {  // first what goes, then orders, then what comes
    if (is_coming && !decision.step) decision.step = order;
    for (const auto& [target, attachment] : volume.attachments) {
      if (attachment.desired.attached != is_coming) continue;
      const auto* ladder = ladders.find(attachment.key);
      if (ladder == nullptr) {
        decision.reasons.push_back(
            {target.str(), "no backend of this daemon has this kind of target: is it missing in the configuration?"});
        continue;
      }
      Climber climber(attachment, *ladder, now, leaf_waits);
      auto step = climber.next(is_coming ? rivals_of(attachment, volume, same_image, ladders) : Rivals{}, may_lower);
      if (!climber.why().empty()) decision.reasons.push_back({target.str(), climber.why()});
      const bool is_order_next = decision.step && decision.step->kind == Step::Kind::Perform;
      if (step && (!decision.step || (is_order_next && step->kind == Step::Kind::Lower))) decision.step = step;
      if (!step) keep_earliest(decision.wake, climber.wake());
    }
  }
  if (!decision.step) decision.step = next_recheck(volume, ladders, now);
  return decision;
}

const char* to_text(Step::Kind kind) {
  switch (kind) {
    case Step::Kind::Probe: return "probe";
    case Step::Kind::Raise: return "raise";
    case Step::Kind::Lower: return "lower";
    case Step::Kind::Perform: return "perform";
  }
  return "?";
}

std::string to_text(const Step& step) {
  if (step.kind == Step::Kind::Perform) return "perform order " + std::to_string(step.order);
  return std::string(to_text(step.kind)) + " " + to_text(step.rung) + " of " + to_text(step.key);
}

const char* to_text(RungState state) {
  switch (state) {
    case RungState::Down: return "down";
    case RungState::Raising: return "raising";
    case RungState::Up: return "up";
    case RungState::Lowering: return "lowering";
  }
  return "?";
}

}  // namespace blockplug
