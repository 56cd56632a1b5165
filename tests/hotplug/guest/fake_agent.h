// SPDX-License-Identifier: Apache-2.0
#pragma once
// The agent of a fake guest: a unix socket, served by a thread, one client at a time like QEMU's chardev. Thread-safe.
#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/hotplug/guest/fake_guest.h"

namespace blockplug::testing {

class FakeAgent {
 public:
  explicit FakeAgent(const std::string& socket);
  ~FakeAgent();
  FakeAgent(const FakeAgent&) = delete;
  FakeAgent& operator=(const FakeAgent&) = delete;

  template <typename Use>
  auto with(Use use) {
    const std::lock_guard lock(mutex_);
    return use(guest_);
  }
  int answers() const { return answers_; }

 private:
  using Json = nlohmann::json;
  struct Opened {
    std::string bytes, disk;  // or the contents of the disk's file
    std::size_t at{};
  };
  void run();
  void serve(int fd);
  void send(int fd, std::string_view text);
  std::string reply_to(const Json& question);
  Json answer(const std::string& command, const Json& arguments);  // under mutex_
  Json open(const std::string& path);
  Json start(const std::vector<std::string>& words);

  const std::string path_;
  int listener_{-1};
  std::atomic<int> connection_{-1}, answers_{0};
  std::atomic<bool> is_ended_{};
  std::mutex mutex_;
  FakeGuest guest_;
  std::map<int, Opened> opened_;
  std::map<int, std::pair<int, Json>> programs_;  // status queries left, and the result
  int next_{1000};
  std::thread thread_;
};

}  // namespace blockplug::testing
