// SPDX-License-Identifier: Apache-2.0
// Detach and repair: what goes. Neither asks a backend where it need not: they must work while that is gone.
#include <algorithm>

#include "volume-plugin/door_calls.h"
#include "volume-plugin/ids.h"
#include "volume-plugin/mount/target_path.h"
#include "volume-plugin/printable.h"

namespace blockplug {
namespace {

const TargetId kHost("host");

Error force_is_for_vms() {
  return no_effect(
      Code::InvalidArgument,
      "a mount on the host is never taken from its users by force: end what uses it (`blockplug attachment explain` names "
      "it). Force is for VMs whose guest does not answer");
}

Status check_words(const Door::Detach& wanted) {
  TRY(check_volume_id(wanted.volume));
  if (!wanted.vm.empty() && !wanted.path.empty())
    return no_effect(Code::InvalidArgument, "from a VM or from a path of the host: say one of the two");
  if (!wanted.vm.empty()) return check_vm_id(wanted.vm);
  if (wanted.path.empty()) return Ok{};
  if (wanted.by_force) return force_is_for_vms();
  return mount::check_path(wanted.path);
}

bool has_leaf(const AttachmentReport& report, const std::string& path) {
  const RungId id{RungKind::Publish, path};
  return report.leaves.contains(id) || std::ranges::any_of(report.rungs, [&](const RungReport& rung) { return rung.rung == id; });
}

}  // namespace

// None: there is nothing of it anywhere.
Result<std::vector<AttachmentKey>> Door::keys_of(const Detach& wanted) const {
  const VolumeId volume(wanted.volume);
  std::vector<AttachmentKey> keys;
  std::string targets;
  for (const auto& report : parts_.manager.of_volume(volume)) {
    const auto& target = report.key.target;
    if (!wanted.vm.empty() && target.str() != "vm:" + wanted.vm) continue;
    if (!wanted.path.empty() && target != kHost) continue;
    if (!keys.empty() && keys.back() == report.key) continue;  // an orphan's leaf beside the rest
    keys.push_back(report.key);
    targets += (targets.empty() ? "" : " and ") + target.str();
  }
  if (keys.size() > 1)
    return no_effect(Code::FailedPrecondition, volume.str() + " is attached to " + targets + "; say which with --vm or --path");
  return keys;
}

DoorCallPtr Door::detach(const Detach& wanted, Time deadline, StatusAnswer unsafe) {
  auto call = std::make_shared<DoorCall>();
  auto answer = once<Ok>(call, std::move(unsafe));
  parts_.runner.post([this, call, answer, wanted, deadline] {
    if (const auto words = check_words(wanted); !words.ok()) return answer(words.error());
    const VolumeId volume(wanted.volume);
    const auto keys = keys_of(wanted);
    if (!keys.ok()) return answer(keys.error());
    if (keys->empty()) {
      if (const auto known = checked(wanted.volume); !known.ok()) return answer(known.error());
      return look_up(volume, [answer, volume](const Result<VolumeInfo>& info) {  // a misspelt id is not "already so"
        if (!info.ok()) return answer(with_volume(volume, info.error()));
        answer(Ok{});
      });
    }
    const auto& key = keys->front();
    const auto report = parts_.manager.explain(key);
    if (wanted.by_force && key.target == kHost) return answer(force_is_for_vms());
    DetachRequest request{key, {}, Trunk::GoesWithLastLeaf, wanted.operation, wanted.by_force};
    if (!wanted.path.empty() && report) {
      if (report->state == State::Orphan)
        return answer(no_effect(Code::FailedPrecondition,
                                to_text(key) +
                                    " has no record (an orphan), so one path cannot be taken alone: attach it again first, "
                                    "or have all of it taken down by `blockplug repair " +
                                    volume.str() + "`"));
      request.leaf = RungId{RungKind::Publish, wanted.path};
      if (!has_leaf(*report, wanted.path) && !is_orphan_of_ours(key, request.leaf)) return answer(Ok{});
    }
    const auto accepted = parts_.manager.detach(request, answer);
    if (!accepted.ok()) return answer(accepted.error());
    call->wait = *accepted;
    limit<Ok>(call, deadline, volume, answer);
  });
  return call;
}

// All of it; or, where the trunk has a record (and is wished), just the leaves that have none.
std::vector<DetachRequest> Door::requests_for(const AttachmentKey& key, const std::string& operation) const {
  const auto report = parts_.manager.explain(key);
  if (!report || report->state == State::Orphan) return {{key, {}, Trunk::GoesWithLastLeaf, operation}};
  std::vector<DetachRequest> requests;
  for (const auto& thing : parts_.manager.orphans().at(key))
    requests.push_back({key, RungId{thing.kind, thing.leaf}, Trunk::Stays, operation});
  return requests;
}

DoorCallPtr Door::repair(const Repair& wanted, Time deadline, OrphansAnswer unsafe) {
  struct Gathering {
    std::vector<Orphan> orphans;
    std::vector<std::size_t> left;  // of each orphan: parts that have not gone yet
    std::size_t missing{};
  };
  auto call = std::make_shared<DoorCall>();
  auto answer = once<std::vector<Orphan>>(call, std::move(unsafe));
  parts_.runner.post([this, call, answer, wanted, deadline] {
    if (!wanted.volume.empty())
      if (const auto id = check_volume_id(wanted.volume); !id.ok()) return answer(id.error());
    auto gathering = std::make_shared<Gathering>();
    for (const auto& [key, things] : parts_.manager.orphans()) {
      if (!wanted.volume.empty() && key.volume.str() != wanted.volume) continue;
      Orphan orphan{key, {}, false, {}};
      for (const auto& thing : things) orphan.things.push_back(thing.what);
      gathering->orphans.push_back(std::move(orphan));
    }
    if (wanted.is_dry_run || gathering->orphans.empty()) return answer(gathering->orphans);
    std::vector<std::pair<std::size_t, DetachRequest>> requests;
    for (std::size_t index = 0; index < gathering->orphans.size(); ++index)
      for (auto& request : requests_for(gathering->orphans[index].key, wanted.operation))
        requests.emplace_back(index, std::move(request));
    gathering->missing = requests.size();
    gathering->left.resize(gathering->orphans.size());
    for (const auto& [index, request] : requests) ++gathering->left[index];
    for (const auto& [index, request] : requests) {
      const auto settled = [gathering, index = index, answer](const Status& status) {
        auto& orphan = gathering->orphans[index];
        if (status.ok())
          --gathering->left[index];
        else
          orphan.problem = status.error().message;
        orphan.is_repaired = gathering->left[index] == 0;
        if (--gathering->missing == 0) answer(gathering->orphans);
      };
      if (const auto accepted = parts_.manager.detach(request, settled); !accepted.ok()) settled(accepted.error());
    }
    parts_.runner.at(deadline, [this, call, gathering, answer] {
      if (call->is_over) return;
      for (auto& orphan : gathering->orphans) {
        if (orphan.is_repaired || !orphan.problem.empty()) continue;
        const auto report = parts_.manager.explain(orphan.key);
        orphan.problem = "not yet" + (report ? ": " + summary(*report) : std::string{});
      }
      answer(gathering->orphans);
    });
  });
  return call;
}

}  // namespace blockplug
