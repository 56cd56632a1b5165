// SPDX-License-Identifier: Apache-2.0
#pragma once
// An EventSink that records its events, and can wait for a condition.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "attach-detach/events.h"

namespace blockplug::testing {

class EventLog : public EventSink {
 public:
  void touch_volume(const VolumeId& volume) override { add("touch " + volume.str()); }
  void doubt_volume(const VolumeId& volume) override { add("doubt " + volume.str()); }
  void doubt_attachment(const AttachmentKey& attachment) override { add("doubt " + to_text(attachment)); }
  void respec_volume(const VolumeId& volume, const SpecChange& seen, Time) override {
    add("respec " + volume.str() + (seen.size_bytes ? " size " + std::to_string(*seen.size_bytes) : ""));
    for (const auto& [name, limit] : seen.limits.value_or(decltype(Spec::limits){}))
      add("respec " + volume.str() + " " + name + " " + std::to_string(limit));
  }
  void doubt_target(const TargetId& target) override { add("doubt " + target.str()); }

  // Checks after each event and at short intervals (for conditions without an event), for up to a minute.
  template <typename Predicate>
  bool wait_until(Predicate is_so) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    std::unique_lock lock(mutex_);
    while (true) {
      lock.unlock();
      const bool so = is_so();
      lock.lock();
      if (so || std::chrono::steady_clock::now() > deadline) return so;
      changed_.wait_for(lock, std::chrono::milliseconds(10));
    }
  }
  bool wait_for(const std::string& entry) {
    return wait_until([&] { return count(entry) > 0; });
  }
  int count(const std::string& entry) const {
    const std::lock_guard lock(mutex_);
    int found = 0;
    for (const auto& each : entries_) found += each == entry ? 1 : 0;
    return found;
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    entries_.clear();
  }

 private:
  void add(std::string entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
    changed_.notify_all();
  }
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> entries_;
};

}  // namespace blockplug::testing
