// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ctrl-C and SIGTERM as a stop token. Made before any other thread, so that all threads inherit the blocked signals. Lives as long
// as the program; a second signal ends the program at once.
#include <csignal>
#include <stop_token>
#include <thread>

namespace blockplug::cli {

class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  std::stop_token token() const { return interrupted_.get_token(); }

 private:
  void wait(const std::stop_token& over);
  sigset_t signals_{};
  std::stop_source interrupted_;
  std::jthread waiter_;
};

}  // namespace blockplug::cli
