// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one decision of Blockplug: given a volume, what is the next step? Pure, so that every small world can be tried.
//
// Up: the lowest rung that is down or stale. Down: the highest that is up, leaves first. Uncertain: probe.
// One step at a time per volume; the old target is lowered before the new one is raised. No detach waits for an order, unless that
// runs already.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attach-detach/ladder.h"
#include "attach-detach/world.h"

namespace blockplug {

struct Step {
  enum class Kind : std::uint8_t { Probe, Raise, Lower, Perform };
  Kind kind{};
  AttachmentKey key;           // not for Perform
  RungId rung;                 // not for Perform
  LowerReason lower_reason{};  // for Lower
  std::int64_t order{};        // for Perform
  bool operator==(const Step&) const = default;
};
const char* to_text(Step::Kind kind);
std::string to_text(const Step& step);

// Why a step is taken, or what is waited for: one for each attachment and order that is not as desired.
struct Reason {
  std::string subject;  // "vm:web-0", "order 3 (resize)"
  std::string text;
  bool operator==(const Reason&) const = default;
};

struct Decision {
  std::optional<Step> step;
  std::optional<Time> wake;  // plan again then, at the latest
  std::vector<Reason> reasons;
};

// Leaves that must not be raised yet, and why: their path is inside one that is to be raised first.
using LeafWaits = std::map<std::pair<TargetId, RungId>, std::string>;

// `same_image`: other volumes whose image is the same one (a volume configured under two backends).
Decision plan(const Volume& volume, const std::vector<const Volume*>& same_image, const Ladders& ladders, Time now,
              const LeafWaits& leaf_waits = {});

// Has the trunk rung at `index` to be up for this desired state? False for all when it is not to be attached. A raw block device on
// a path is desired up to Map, and the Own on top of that is wanted with it.
bool is_wanted(const Desired& desired, const Ladder& ladder, std::size_t index);
// Does a desired state of this spec have such a rung at all?
inline bool is_for(const Desired& desired, const RungPlan& plan) {
  return !plan.needs_staging_path || !desired.spec.staging_path.empty();
}
// Is everything that is wanted up, known and as specified? Records elsewhere count until it was complete for the first time.
bool is_complete(const Attachment& attachment, const Ladder& ladder);
// The trunk from its bottom up to this rung, the records elsewhere included.
bool is_up_to(const Attachment& attachment, const Ladder& ladder, const RungKind& highest);
// The trunk, and this leaf.
bool is_leaf_complete(const Attachment& attachment, const Ladder& ladder, const RungId& leaf);
// Is it a record elsewhere, and not the disk itself?
bool is_bookkeeping(const Ladder& ladder, const RungId& rung);
// What the ladder says of this rung, trunk or leaf; nullptr: not on this ladder.
const RungPlan* plan_of(const Ladder& ladder, const RungId& rung);

}  // namespace blockplug
