// SPDX-License-Identifier: Apache-2.0
#pragma once
// Waits for SIGTERM and SIGINT, and limits how long stopping may take: every intent is on disk before its effect, so ending in the
// middle of a step is safe.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

namespace blockplug {

class Shutdown {
 public:
  Shutdown() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGTERM);
    ::sigaddset(&signals_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  ~Shutdown() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    if (watch_.joinable()) watch_.join();
  }
  int wait() {
    int signal = 0;
    while (::sigwait(&signals_, &signal) != 0) {
    }
    return signal;
  }
  void end_within(std::chrono::seconds limit) {
    try {
      watch_ = std::thread([this, limit] {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, limit, [this] { return is_over_; })) ::_exit(0);
      });
    } catch (const std::system_error&) {  // no thread for it: then the service manager limits the time
    }
  }

 private:
  sigset_t signals_{};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_{};
  std::thread watch_;
};

}  // namespace blockplug
