// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/interrupts.h"

namespace blockplug::cli {
namespace {
constexpr int kWakeUp = SIGUSR1;  // from ~Interrupts

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}
}  // namespace

Interrupts::Interrupts() {
  ::sigemptyset(&signals_);
  ::sigaddset(&signals_, kWakeUp);
  for (const int signal : {SIGINT, SIGTERM})
    if (!is_ignored(signal)) ::sigaddset(&signals_, signal);  // started with nohup or in the background: stay ignored
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  waiter_ = std::jthread([this](const std::stop_token& over) { wait(over); });
}

Interrupts::~Interrupts() {
  waiter_.request_stop();
  ::pthread_kill(waiter_.native_handle(), kWakeUp);
  waiter_.join();
  ::pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
}

void Interrupts::wait(const std::stop_token& over) {
  int signal{};
  while (::sigwait(&signals_, &signal) == 0 && !over.stop_requested()) {
    if (signal == kWakeUp) continue;
    if (interrupted_.request_stop()) continue;
    // Second signal: the default action.
    ::signal(signal, SIG_DFL);
    ::pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
    ::raise(signal);
  }
}

}  // namespace blockplug::cli
