// SPDX-License-Identifier: Apache-2.0
#pragma once
// What was read of a source (a mount table, a cloud's attachment), for the probes that share it: a reading that began after a
// probe's doubt serves it, one that failed for the source's own reasons too (Call::doubted_at).
//
// Owned by whoever owns the way to the sources; thread-safe. Probes that ask side by side wait for one that reads: for as long as
// reading takes at most.
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "attach-detach/outcome.h"

namespace blockplug {

template <class Source, class Value>
class SharedReadings {
 public:
  using Reading = Result<std::shared_ptr<const Value>>;

  Reading since(Time doubted_at, const Source& source, const std::function<Result<Value>()>& read) {
    std::unique_lock lock(mutex_);
    drop_the_old();
    if (doubted_at == Time{}) return read_now(std::move(lock), source, read);  // nobody says since when it must hold
    while (true) {
      const auto found = readings_.find(source);
      if (found != readings_.end() && found->second.began_at >= doubted_at) return found->second.reading;
      if (!being_read_.contains(source)) return read_now(std::move(lock), source, read);
      ended_.wait(lock);  // it may serve, or else it is this one's turn
    }
  }

  // It was changed by its owner: nothing that was read before says anything.
  void forget(const Source& source) {
    const std::lock_guard lock(mutex_);
    readings_.erase(source);
  }

 private:
  static constexpr std::chrono::seconds kLongest{60};  // by then no doubt is older, or its probe may read for itself

  struct Kept {
    Time began_at;
    Reading reading;
  };

  Reading read_now(std::unique_lock<std::mutex> lock, const Source& source, const std::function<Result<Value>()>& read) {
    being_read_.insert(source);
    lock.unlock();
    const auto began_at = Clock::now();
    auto value = read();
    auto reading =
        value.ok() ? Reading{std::make_shared<const Value>(std::move(value).value())} : Reading{std::move(value).error()};
    lock.lock();
    being_read_.erase(being_read_.find(source));
    ended_.notify_all();
    // The reader ran out of its own time, or was told to stop: the next one reads.
    const bool is_his_alone =
        !reading.ok() && (reading.error().code == Code::Cancelled || reading.error().code == Code::DeadlineExceeded);
    if (is_his_alone) return reading;
    const auto [kept, is_new] = readings_.try_emplace(source, Kept{began_at, reading});
    if (!is_new && kept->second.began_at < began_at) kept->second = {began_at, reading};
    return reading;
  }

  void drop_the_old() {
    std::erase_if(readings_, [](const auto& entry) { return Clock::now() - entry.second.began_at > kLongest; });
  }

  std::mutex mutex_;  // guards all below
  std::condition_variable ended_;
  std::multiset<Source> being_read_;
  std::map<Source, Kept> readings_;
};

}  // namespace blockplug
