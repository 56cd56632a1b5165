// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/orphans.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace blockplug {

void Orphans::survey() {
  if (running_ != 0) {
    again_ = true;
    return;
  }
  for (auto* rung : ladders_.rungs()) {
    ++running_;
    auto found = std::make_shared<std::vector<Found>>();
    const auto work = [rung, found]() -> Job::Answer {
      *found = rung->survey();
      return Attempt{Done{}};
    };
    runner_.start({"survey", Turn::Up, work, [this, rung, found](const Job::Answer&) { surveyed(rung, std::move(*found)); }});
  }
}

void Orphans::adopted(const AttachmentKey& key) {
  known_.erase(key);
  for (auto& [rung, suspects] : suspects_) suspects.erase(key);
}

void Orphans::adopted(const AttachmentKey& key, const std::optional<RungId>& leaf) {
  const auto is_recorded = [&](const Found& thing) { return thing.leaf.empty() || leaf == RungId{thing.kind, thing.leaf}; };
  for (auto& [rung, suspects] : suspects_)
    if (const auto found = suspects.find(key); found != suspects.end()) std::erase_if(found->second.things, is_recorded);
  const auto found = known_.find(key);
  if (found == known_.end()) return;
  std::erase_if(found->second, is_recorded);
  if (found->second.empty()) known_.erase(found);
}

// A leaf may be without one where the trunk below has: after a lost store one path was asked for again, and others not yet.
bool Orphans::has_record(const Found& thing) const {
  const auto* volume = world_.find(thing.key.volume);
  const auto attachment = volume == nullptr ? decltype(volume->attachments.begin()){} : volume->attachments.find(thing.key.target);
  if (volume == nullptr || attachment == volume->attachments.end()) return false;
  const RungId id{thing.kind, thing.leaf};
  const auto& rungs = attachment->second.rungs;
  if (thing.leaf.empty() || attachment->second.wish.leaves.contains(id) || rungs.contains(id)) return true;
  // A leaf is called as it was asked for; what is found is called as it is: "path" says both (a symbolic link on the way).
  const auto seen = thing.facts.find("path");
  return seen != thing.facts.end() && std::any_of(rungs.begin(), rungs.end(), [&](const auto& rung) {
    const auto recorded = rung.second.facts.find("path");
    return rung.first.kind == thing.kind && recorded != rung.second.facts.end() && recorded->second == seen->second;
  });
}

void Orphans::surveyed(const Rung* rung, std::vector<Found> found) {
  auto& suspects = suspects_[rung];
  const auto before = std::exchange(suspects, {});
  for (auto& thing : found) {
    if (has_record(thing)) continue;
    const auto earlier = before.find(thing.key);
    auto& suspect = suspects[thing.key];
    suspect.times = earlier == before.end() ? 1 : 2;
    again_ = again_ || suspect.times == 1;
    suspect.things.push_back(std::move(thing));
  }
  if (--running_ != 0) return;
  known_.clear();
  for (const auto& [asked, all] : suspects_)
    for (const auto& [key, suspect] : all)
      if (suspect.times > 1) known_[key].insert(known_[key].end(), suspect.things.begin(), suspect.things.end());
  if (std::exchange(again_, false)) runner_.at(runner_.now() + std::chrono::milliseconds(300), [this] { survey(); });
}

}  // namespace blockplug
