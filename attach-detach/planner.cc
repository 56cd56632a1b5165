// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/planner.h"

#include <algorithm>

namespace blockplug {
namespace {

bool is_up(const RungRecord& record) { return record.mark == Mark::Up && record.trust != Trust::Due && record.trust != Trust::Unprovable; }
bool is_uncertain(const RungRecord& record) { return record.trust == Trust::Due || record.trust == Trust::Unprovable; }
bool is_touched(const RungRecord& record) { return record.mark != Mark::Down || is_uncertain(record); }

RungId trunk_id(const RungPlan& plan) { return {plan.kind, {}}; }

void keep_earliest(std::optional<Time>& wake, std::optional<Time> candidate) {
  if (candidate && (!wake || *candidate < *wake)) wake = candidate;
}

// One attachment: what would be done next, in the order in which it is looked for.
class Climber {
 public:
  Climber(const Attachment& attachment, const Ladder& ladder, Time now) : attachment_(attachment), ladder_(ladder), now_(now) {}

  // `held_by`: why the lowest rung may not be raised, empty if it may. `may_lower`: every rung of the volume was probed once.
  std::optional<Step> next(const std::string& held_by, bool may_lower) {
    if (is_raised_by_another_ladder()) return std::nullopt;
    if (auto step = probe_trunk(Trust::Due)) return step;
    if (trunk_is_uncertain()) return std::nullopt;
    if (auto step = probe_leaves(Trust::Due)) return step;
    if (auto step = lower(may_lower)) return step;
    if (is_lowering_) return std::nullopt;
    return raise(held_by);
  }
  // The safety net comes last, so that it never keeps anything waiting.
  std::optional<Step> recheck() {
    if (auto step = probe_trunk(Trust::Recheck)) return step;
    return probe_leaves(Trust::Recheck);
  }
  const std::string& why() const { return why_; }
  std::optional<Time> wake() const { return wake_; }

 private:
  // The backend of this name was of another kind, and nobody here knows how to lower what that one raised.
  bool is_raised_by_another_ladder() {
    const auto is_strange = [&](const RungId& id) {
      if (plan_of(ladder_, id) != nullptr) return false;
      why_ = to_text(id) + " is not on the ladder of this backend: configure the backend as it was, detach, and then change it";
      return true;
    };
    return std::any_of(attachment_.rungs.begin(), attachment_.rungs.end(),
                       [&](const auto& rung) { return is_touched(rung.second) && is_strange(rung.first); }) ||
           std::any_of(attachment_.wish.leaves.begin(), attachment_.wish.leaves.end(),
                       [&](const auto& leaf) { return attachment_.wish.attached && is_strange(leaf.first); });
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

  std::optional<Step> probe(const RungId& id, const RungRecord& record, Trust trust) {
    if (trust == Trust::Recheck ? record.trust != Trust::Recheck : !is_uncertain(record)) return std::nullopt;
    if (record.trust == Trust::Unprovable) why_ = to_text(id) + " cannot be proven: " + record.why;
    if (!may_go(record.probes)) return std::nullopt;
    why_ = to_text(id) + (trust == Trust::Recheck ? " is checked again" : " is uncertain");
    return Step{Step::Kind::Probe, attachment_.key, id, {}, {}};
  }

  std::optional<Step> probe_trunk(Trust trust) {
    for (const auto& plan : ladder_.trunk)
      if (auto step = probe(trunk_id(plan), attachment_.rung(trunk_id(plan)), trust)) return step;
    return std::nullopt;
  }

  bool trunk_is_uncertain() const {
    return std::any_of(ladder_.trunk.begin(), ladder_.trunk.end(),
                       [&](const RungPlan& plan) { return is_uncertain(attachment_.rung(trunk_id(plan))); });
  }

  std::optional<Step> probe_leaves(Trust trust) {
    for (const auto& [id, record] : attachment_.rungs)
      if (!id.leaf.empty() && plan_of(ladder_, id) != nullptr)
        if (auto step = probe(id, record, trust)) return step;
    return std::nullopt;
  }

  std::size_t complete_prefix() const {
    std::size_t prefix = 0;
    while (prefix < ladder_.trunk.size() && is_up(trunk(prefix))) ++prefix;
    return prefix;
  }

  std::size_t wanted_height() const {
    std::size_t height = 0;
    if (is_raised_otherwise(attachment_)) return height;
    while (height < ladder_.trunk.size() && is_wanted(attachment_.wish, ladder_, height)) ++height;
    return height;
  }

  std::optional<Step> lower_one(const RungId& id, const RungRecord& record, Because because, bool may_lower, const std::string& reason) {
    is_lowering_ = true;
    if (!may_lower) {
      why_ = reason + ", but nothing is lowered before all of this volume was probed";
      return std::nullopt;
    }
    if (because == Because::Hole && attachment_.broken && !may_go(record.tries)) {  // and then: is it still in use?
      why_ = "broken: " + *attachment_.broken;
      return std::nullopt;
    }
    if (!may_go(record, id)) return std::nullopt;
    why_ = reason;
    if (because == Because::Unwished && attachment_.wish.by_force) because = Because::Forced;
    return Step{Step::Kind::Lower, attachment_.key, id, because, {}};
  }

  std::optional<Step> lower(bool may_lower) {
    const auto height = wanted_height();
    const auto prefix = complete_prefix();
    if (auto step = lower_leaves(prefix < height || stands_above(height), may_lower)) return step;
    if (is_lowering_) return std::nullopt;
    for (auto index = ladder_.trunk.size(); index-- > 0;) {
      const auto& plan = ladder_.trunk[index];
      const auto& record = trunk(index);
      if (record.mark == Mark::Down || plan.falls_with_below) continue;
      if (index >= height) return lower_one(trunk_id(plan), record, Because::Unwished, may_lower, to_text(trunk_id(plan)) + " is not wanted");
      if (record.mark == Mark::Lowering)
        return lower_one(trunk_id(plan), record, Because::Unwished, may_lower, to_text(trunk_id(plan)) + " is on its way down");
      if (index > prefix) return lower_one(trunk_id(plan), record, Because::Hole, may_lower, hole_text(prefix));
      return std::nullopt;  // the highest standing rung is wanted, and all below it is up
    }
    return std::nullopt;
  }

  bool stands_above(std::size_t height) const {
    for (auto index = height; index < ladder_.trunk.size(); ++index)
      if (trunk(index).mark != Mark::Down && !ladder_.trunk[index].falls_with_below) return true;
    return false;
  }

  // Leaves that are in the way of the trunk block its lowering; a leaf that only goes by itself does not block the rest.
  std::optional<Step> lower_leaves(bool trunk_must_go, bool may_lower) {
    for (const auto& [id, record] : attachment_.rungs) {
      if (id.leaf.empty() || !is_touched(record)) continue;
      const bool is_wished = wanted_height() > 0 && !stands_above(wanted_height()) && attachment_.wish.leaves.contains(id);
      const auto prefix = complete_prefix();
      const bool has_hole = prefix < wanted_height();
      if (is_wished && !has_hole && record.mark != Mark::Lowering) continue;
      const bool may_stay_unproven = attachment_.wish.by_force && !is_wished && record.trust == Trust::Unprovable;
      if (is_uncertain(record) && !may_stay_unproven) {
        is_lowering_ = is_lowering_ || trunk_must_go;
        continue;
      }
      const auto because = is_wished && has_hole ? Because::Hole : Because::Unwished;
      const auto reason = because == Because::Hole ? hole_text(prefix) : to_text(id) + " is not wanted";
      const bool was_lowering = is_lowering_;
      if (auto step = lower_one(id, record, because, may_lower, reason)) return step;
      is_lowering_ = was_lowering || trunk_must_go;
    }
    return std::nullopt;
  }

  std::string hole_text(std::size_t prefix) const {
    return "what stands on " + to_text(trunk_id(ladder_.trunk[prefix])) + " comes down first, which is gone";
  }

  std::optional<Step> raise(const std::string& held_by) {
    const auto height = wanted_height();
    for (std::size_t index = 0; index < height; ++index) {
      const auto& plan = ladder_.trunk[index];
      const auto& record = trunk(index);
      if (is_up(record) && !record.is_stale) continue;
      if (plan.excludes && !is_up(record) && !held_by.empty()) {
        why_ = held_by;
        return std::nullopt;
      }
      if (is_fenced(record) && !attachment_.asked_again) {
        why_ = "it is not taken back by itself: attach it again, or detach it";
        return std::nullopt;
      }
      return raise_one(trunk_id(plan), record);
    }
    if (height == 0) return std::nullopt;
    for (const auto& [id, leaf] : attachment_.wish.leaves) {
      const auto& record = attachment_.rung(id);
      if (is_uncertain(record) || record.mark == Mark::Lowering || (is_up(record) && !record.is_stale)) continue;
      if (auto step = raise_one(id, record)) return step;
    }
    return std::nullopt;
  }

  std::optional<Step> raise_one(const RungId& id, const RungRecord& record) {
    if (!may_go(record, id)) return std::nullopt;
    why_ = to_text(id) + (record.is_stale ? " is not as wished" + (record.why.empty() ? "" : ": " + record.why) : " is down");
    return Step{Step::Kind::Raise, attachment_.key, id, {}, {}};
  }

  const Attachment& attachment_;
  const Ladder& ladder_;
  const Time now_;
  bool is_lowering_{};
  std::string why_;
  std::optional<Time> wake_;
};

// Why another attachment of the image keeps this one from its lowest rung; empty if none does.
std::string holder_of(const Attachment& attachment, const Volume& volume, const std::vector<const Volume*>& same_image) {
  const auto held_in = [&](const Volume& other) -> std::string {
    for (const auto& [target, rival] : other.attachments) {
      if (rival.key == attachment.key || is_all_down(rival) || may_share(rival, attachment.wish)) continue;
      return to_text(rival.key) + " still holds the image";
    }
    return {};
  };
  if (auto holder = held_in(volume); !holder.empty()) return holder;
  for (const auto* other : same_image)
    if (auto holder = held_in(*other); !holder.empty()) return holder;
  return {};
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
      if (auto step = Climber(attachment, *ladder, now).recheck()) return step;
  return std::nullopt;
}

// S5: nothing is lowered before every rung of the image was probed once in this life.
bool was_probed(const Volume& volume) {
  for (const auto& [target, attachment] : volume.attachments)
    for (const auto& [id, record] : attachment.rungs)
      if (record.trust == Trust::Due) return false;
  return true;
}

}  // namespace

bool is_wanted(const Wish& wish, const Ladder& ladder, std::size_t index) {
  if (!wish.attached) return false;
  if (!wish.up_to) return true;
  // What falls with the highest wanted rung goes with it on the way up, too.
  while (index > 0 && ladder.trunk[index].falls_with_below) --index;
  for (std::size_t below = 0; below < index; ++below)
    if (ladder.trunk[below].kind == *wish.up_to) return false;
  return true;
}

const RungPlan* plan_of(const Ladder& ladder, const RungId& rung) {
  const auto& plans = rung.leaf.empty() ? ladder.trunk : ladder.leaves;
  const auto found = std::find_if(plans.begin(), plans.end(), [&](const RungPlan& plan) { return plan.kind == rung.kind; });
  return found == plans.end() ? nullptr : &*found;
}

bool is_leaf_complete(const Attachment& attachment, const Ladder& ladder, const RungId& leaf) {
  if (!attachment.wish.attached || is_raised_otherwise(attachment)) return false;
  const auto is_good = [&](const RungId& id) {
    const auto& record = attachment.rung(id);
    return is_up(record) && !record.is_stale;
  };
  for (std::size_t index = 0; index < ladder.trunk.size(); ++index)
    if (is_wanted(attachment.wish, ladder, index) && !is_good(trunk_id(ladder.trunk[index]))) return false;
  return leaf.leaf.empty() || is_good(leaf);
}

bool is_complete(const Attachment& attachment, const Ladder& ladder) {
  if (!is_leaf_complete(attachment, ladder, {})) return false;
  return std::all_of(attachment.wish.leaves.begin(), attachment.wish.leaves.end(),
                     [&](const auto& leaf) { return is_leaf_complete(attachment, ladder, leaf.first); });
}

Decision plan(const Volume& volume, const std::vector<const Volume*>& same_image, const Ladders& ladders, Time now) {
  Decision decision;
  decision.step = next_order(volume, same_image, now, decision);
  const bool may_lower = was_probed(volume) && std::all_of(same_image.begin(), same_image.end(), [](const Volume* other) { return was_probed(*other); });
  for (const bool is_coming : {false, true})  // first what goes, then what comes
    for (const auto& [target, attachment] : volume.attachments) {
      if (attachment.wish.attached != is_coming) continue;
      const auto* ladder = ladders.find(attachment.key);
      if (ladder == nullptr) {
        decision.reasons.push_back({target.str(), "no backend of this daemon has this kind of target: is it missing in the configuration?"});
        continue;
      }
      Climber climber(attachment, *ladder, now);
      auto step = climber.next(is_coming ? holder_of(attachment, volume, same_image) : std::string{}, may_lower);
      if (!climber.why().empty()) decision.reasons.push_back({target.str(), climber.why()});
      if (step && !decision.step) decision.step = step;
      if (!step) keep_earliest(decision.wake, climber.wake());
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

const char* to_text(Mark mark) {
  switch (mark) {
    case Mark::Down: return "down";
    case Mark::Raising: return "raising";
    case Mark::Up: return "up";
    case Mark::Lowering: return "lowering";
  }
  return "?";
}

}  // namespace blockplug
