// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/orphans.h"

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

void Orphans::surveyed(const Rung* rung, std::vector<Found> found) {
  auto& suspects = suspects_[rung];
  const auto before = std::exchange(suspects, {});
  for (auto& thing : found) {
    const auto* volume = world_.find(thing.key.volume);
    if (volume != nullptr && volume->attachments.contains(thing.key.target)) continue;
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
