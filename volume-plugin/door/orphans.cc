// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/orphans.h"

#include "volume-plugin/door/ids.h"

namespace blockplug {

struct OrphanDoor::Repairing {
  std::vector<Orphan> orphans;
  std::vector<std::size_t> left;  // of each orphan: parts that have not gone yet
  std::size_t missing{};
  OrphansAnswer answer;
};

std::vector<OrphanDoor::Orphan> OrphanDoor::found(const std::string& volume) const {
  std::vector<Orphan> orphans;
  for (const auto& [key, things] : calls_.manager().orphans()) {
    if (!volume.empty() && key.volume.str() != volume) continue;
    Orphan orphan{key, {}, false, {}};
    for (const auto& thing : things) orphan.things.push_back(thing.what);
    orphans.push_back(std::move(orphan));
  }
  return orphans;
}

// All of it; or, where the trunk has a record, only the leaves that have none.
std::vector<DetachRequest> OrphanDoor::requests_for(const AttachmentKey& key, const std::string& operation) const {
  const auto report = calls_.manager().explain(key);
  if (!report || report->state == State::Orphan) return {{key, {}, Trunk::GoesWithLastLeaf, operation}};
  std::vector<DetachRequest> requests;
  for (const auto& thing : calls_.manager().orphans().at(key))
    requests.push_back({key, RungId{thing.kind, thing.leaf}, Trunk::Stays, operation});
  return requests;
}

void OrphanDoor::take_down(const std::shared_ptr<Repairing>& repairing, const std::string& operation) const {
  std::vector<std::pair<std::size_t, DetachRequest>> requests;
  for (std::size_t index = 0; index < repairing->orphans.size(); ++index)
    for (auto& request : requests_for(repairing->orphans[index].key, operation)) requests.emplace_back(index, std::move(request));
  repairing->missing = requests.size();
  repairing->left.resize(repairing->orphans.size());
  for (const auto& [index, request] : requests) ++repairing->left[index];
  for (const auto& [index, request] : requests) {
    const auto settled = [repairing, index = index](const Status& status) {
      auto& orphan = repairing->orphans[index];
      if (status.ok())
        --repairing->left[index];
      else
        orphan.problem = status.error().message;
      orphan.is_repaired = repairing->left[index] == 0;
      if (--repairing->missing == 0) repairing->answer(repairing->orphans);
    };
    if (const auto accepted = calls_.manager().detach(request, settled); !accepted.ok()) settled(accepted.error());
  }
}

void OrphanDoor::give_up(Repairing& repairing) const {
  for (auto& orphan : repairing.orphans) {
    if (orphan.is_repaired || !orphan.problem.empty()) continue;
    const auto report = calls_.manager().explain(orphan.key);
    orphan.problem = "not yet" + (report ? ": " + summary(*report) : std::string{});
  }
  repairing.answer(repairing.orphans);
}

DoorCallPtr OrphanDoor::repair(const Repair& wanted, Time deadline, OrphansAnswer unsafe) {
  auto call = calls_.begin("repair", wanted.volume);
  auto answer = Calls::once<std::vector<Orphan>>(call, std::move(unsafe));
  calls_.runner().post([this, call, answer, wanted, deadline] {
    if (!wanted.volume.empty())
      if (const auto id = check_volume_id(wanted.volume); !id.ok()) return answer(id.error());
    auto repairing = std::make_shared<Repairing>(Repairing{found(wanted.volume), {}, 0, answer});
    if (wanted.is_dry_run || repairing->orphans.empty()) return answer(repairing->orphans);
    take_down(repairing, wanted.operation);
    const auto end = [this, call, repairing] {
      if (!call->is_over) give_up(*repairing);
    };
    calls_.runner().at(deadline, end, call->until_over);
  });
  return call;
}

}  // namespace blockplug
