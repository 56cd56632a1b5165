// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/orphans.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "attach-detach/roles.h"

namespace blockplug {

namespace {
constexpr std::chrono::seconds kSurveyLimit{30};
constexpr std::chrono::milliseconds kAgainAfter{300};
}  // namespace

void Orphans::survey() {
  for (auto* rung : ladders_.rungs()) survey(rung);
}

void Orphans::survey(Rung* rung) {
  auto& asked = asked_[rung];
  if (std::exchange(asked.is_running, true)) {
    asked.is_to_be_repeated = true;
    return;
  }
  if (asked.lane.empty()) asked.lane = "survey:" + std::to_string(asked_.size());
  auto found = std::make_shared<Survey>();
  const auto work = [rung, found, &runner = runner_]() -> Job::Answer {
    *found = rung->survey(runner.now() + kSurveyLimit);
    return Attempt{Done{}};
  };
  runner_.start({asked.lane, Turn::Up, work, [this, rung, found](const Job::Answer&) { surveyed(rung, std::move(*found)); }});
}

void Orphans::adopted(const AttachmentKey& key) {
  known_.erase(key);
  for (auto& [rung, asked] : asked_) asked.suspects.erase(key);
}

void Orphans::adopted(const AttachmentKey& key, const std::optional<RungId>& leaf) {
  const auto is_recorded = [&](const Found& thing) { return thing.leaf.empty() || leaf == RungId{thing.kind, thing.leaf}; };
  for (auto& [rung, asked] : asked_)
    if (const auto found = asked.suspects.find(key); found != asked.suspects.end())
      std::erase_if(found->second.things, is_recorded);
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
  if (thing.leaf.empty() || attachment->second.desired.leaves.contains(id) || rungs.contains(id)) return true;
  // The trunk's own mount, at the place that was asked for, looks like a leaf.
  if (attachment->second.desired.spec.staging_path == thing.leaf) return true;
  // A leaf is called as it was asked for; what is found is called as it is: "mount.path" says both (a symbolic link on the way).
  const auto seen = thing.facts.find(roles::kMountPath);
  return seen != thing.facts.end() && std::any_of(rungs.begin(), rungs.end(), [&](const auto& rung) {
           const auto recorded = rung.second.facts.find(roles::kMountPath);
           return recorded != rung.second.facts.end() && recorded->second == seen->second;
         });
}

void Orphans::surveyed(Rung* rung, Survey found) {
  auto& asked = asked_[rung];
  asked.is_running = false;
  auto before = std::exchange(asked.suspects, {});
  for (auto& thing : found) {
    if (has_record(thing)) continue;
    const auto earlier = before.find(thing.key);
    auto& suspect = asked.suspects[thing.key];
    suspect.times = earlier == before.end() ? 1 : 2;
    asked.is_to_be_repeated = asked.is_to_be_repeated || suspect.times == 1;
    suspect.things.push_back(std::move(thing));
  }
  if (found.is_partial)
    for (auto& [key, suspect] : before) {
      std::erase_if(suspect.things, [&](const Found& thing) { return has_record(thing); });
      if (!suspect.things.empty()) asked.suspects.try_emplace(key, std::move(suspect));
    }
  known_.clear();
  for (const auto& [each, all] : asked_)
    for (const auto& [key, suspect] : all.suspects)
      if (suspect.times > 1) known_[key].insert(known_[key].end(), suspect.things.begin(), suspect.things.end());
  if (std::exchange(asked.is_to_be_repeated, false)) runner_.at(runner_.now() + kAgainAfter, [this, rung] { survey(rung); });
}

}  // namespace blockplug
