// SPDX-License-Identifier: Apache-2.0
#include "cinder/readings.h"

namespace blockplug::cinder {
namespace {
constexpr std::chrono::seconds kKept{60};  // nobody's doubt is older by then, or he may read it himself
}

Result<Attachment> Readings::read(const std::string& attachment, Time doubted_at, const Patience& patience) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(readings_, [](const auto& entry) { return Clock::now() - entry.second.begun_at > kKept; });
    const auto found = readings_.find(attachment);
    if (found != readings_.end() && found->second.begun_at >= doubted_at) return found->second.answer;
  }
  const auto begun_at = Clock::now();
  auto answer = api_.attachment(attachment, patience);
  const std::lock_guard lock(mutex_);
  readings_.insert_or_assign(attachment, Reading{begun_at, answer});
  return answer;
}

void Readings::forget(const std::string& attachment) {
  const std::lock_guard lock(mutex_);
  readings_.erase(attachment);
}

}  // namespace blockplug::cinder
