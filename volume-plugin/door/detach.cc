// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "attach-detach/roles.h"
#include "hotplug/rungs.h"
#include "volume-plugin/door/attachment_checks.h"
#include "volume-plugin/door/attachments.h"

namespace blockplug {
namespace {

bool has_leaf(const AttachmentReport& report, const RungId& id) {
  return report.leaves.contains(id) || std::ranges::any_of(report.rungs, [&](const RungReport& rung) { return rung.rung == id; });
}

Error cannot_take_one_path(const AttachmentKey& key) {
  return no_effect(Code::FailedPrecondition,
                   to_text(key) +
                       " is an orphan (it has no record), so a single path cannot be detached: attach it again first, "
                       "or remove all of it with `blockplug repair " +
                       key.volume.str() + "`");
}

// What is handed over at the path that is named: all of it goes. None: nothing is. FailedPrecondition: no path is named, and it is
// handed over.
Result<std::optional<WantedDetachment>> handed_over(const WantedDetachment& wanted, const std::vector<AttachmentReport>& all) {
  for (const auto& report : all) {
    const auto hand_over = std::ranges::find(report.rungs, RungId{rungs::kHandOver, {}}, &RungReport::rung);
    const bool is_recorded = hand_over != report.rungs.end() && hand_over->state != "down";
    const auto path =
        report.spec.staging_path.empty() && is_recorded ? fact(hand_over->facts, roles::kStagingPath) : report.spec.staging_path;
    if (report.key.target == kHost || path.empty()) continue;
    if (wanted.leaf.empty())
      return no_effect(Code::FailedPrecondition, "detach " + wanted.volume + ": it is handed over to " + report.key.target.str() +
                                                     " at " + path + ". Take it from there first");
    if (path != wanted.leaf) continue;
    auto unwanted = wanted;
    unwanted.target = report.key.target;
    unwanted.leaf.clear();
    unwanted.trunk = Trunk::GoesWithLastLeaf;
    return std::optional(std::move(unwanted));
  }
  return std::optional<WantedDetachment>{};
}

}  // namespace

DoorCallPtr AttachmentDoor::detach(const WantedDetachment& wanted, Time deadline, StatusAnswer unsafe) {
  auto call = parts_.calls.begin("detach", wanted.volume);
  auto answer = Calls::once<Ok>(call, std::move(unsafe));
  parts_.calls.runner().post([this, call, answer, wanted, deadline] {
    if (const auto may = check(wanted); !may.ok()) return answer(may.error());
    const VolumeId volume(wanted.volume);
    if (wanted.or_handed_over && wanted.target == kHost) {
      const auto unwanted = handed_over(wanted, parts_.calls.manager().of_volume(volume));
      if (!unwanted.ok()) return answer(unwanted.error());
      if (*unwanted) return take_down(call, **unwanted, deadline, answer);
    }
    if (parts_.calls.manager().explain({volume, wanted.target})) return take_down(call, wanted, deadline, answer);
    if (wanted.if_unknown == IfUnknown::IsDetached) return answer(Ok{});
    if (const auto known = parts_.lookups.checked(wanted.volume); !known.ok()) return answer(known.error());
    parts_.lookups.look_up(volume, [answer, volume](const Result<VolumeInfo>& info) {  // a misspelt id is not "already so"
      if (!info.ok()) return answer(with_volume(volume, info.error()));
      answer(Ok{});
    });
  });
  return call;
}

void AttachmentDoor::take_down(const DoorCallPtr& call, const WantedDetachment& wanted, Time deadline,
                               const StatusAnswer& answer) const {
  auto& manager = parts_.calls.manager();
  const AttachmentKey key{VolumeId(wanted.volume), wanted.target};
  DetachRequest request{key, {}, wanted.trunk, wanted.operation, wanted.by_force};
  if (!wanted.leaf.empty()) {
    const auto report = manager.explain(key);
    if (report->state == State::Orphan) return answer(cannot_take_one_path(key));
    request.leaf = leaf_at(wanted.target, wanted.leaf);
    if (!has_leaf(*report, *request.leaf) && !is_orphan(key, *request.leaf)) return answer(Ok{});
  }
  const auto accepted = manager.detach(request, answer);
  if (!accepted.ok()) return answer(accepted.error());
  call->wait = *accepted;
  parts_.calls.limit<Ok>(call, deadline, key.volume, answer);
}

}  // namespace blockplug
