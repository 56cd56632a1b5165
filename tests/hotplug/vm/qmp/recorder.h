// SPDX-License-Identifier: Apache-2.0
#pragma once
// Records a client's callbacks in order; also the deadlines of these tests.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hotplug/vm/qmp/client.h"
#include "tests/support/fake_monitor.h"

namespace blockplug::qmp {

inline Time ample() { return Clock::now() + std::chrono::seconds(120); }  // never reached
inline Time brief() { return Clock::now() + std::chrono::seconds(1); }    // always reached

class Recorder {
 public:
  Callbacks callbacks() {
    return {.on_event = [this](const Event& event) { record("event " + event.name + " " + event.data->dump()); },
            .on_late_reply = [this] { record("late reply"); },
            .on_closed = [this](const std::string& why) { record("closed: " + why); }};
  }
  // Waits for an entry that begins with this text; returns all entries.
  std::vector<std::string> await(const std::string& beginning) {
    std::unique_lock lock(mutex_);
    const auto is_there = [&] {
      return std::ranges::any_of(entries_, [&](const auto& entry) { return entry.starts_with(beginning); });
    };
    EXPECT_TRUE(changed_.wait_until(lock, ample(), is_there)) << beginning;
    return entries_;
  }

 private:
  void record(std::string entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> entries_;
};

inline std::unique_ptr<Client> connected(const testing::FakeMonitor& monitor, Recorder& recorder) {
  auto client = Client::connect(monitor.path(), recorder.callbacks(), ample());
  EXPECT_TRUE(client.ok()) << client.error().message;
  return std::move(client).value();
}

// "UNAVAILABLE, none: …", or the value as JSON.
inline std::string described(const Result<nlohmann::json>& result) {
  if (result.ok()) return result->dump();
  const Error& error = result.error();
  return std::string(to_text(error.code)) + (error.effect == Effect::None ? ", none: " : ", unknown: ") + error.message;
}

}  // namespace blockplug::qmp
