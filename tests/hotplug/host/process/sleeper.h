// SPDX-License-Identifier: Apache-2.0
#pragma once
// A process that waits for its end.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

namespace blockplug::testing {

class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0) {
      ::execlp("sleep", "sleep", "1000", nullptr);
      ::_exit(127);
    }
  }
  ~Sleeper() { bury(); }
  void kill() const {
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);  // a zombie from here on
  }
  void bury() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

}  // namespace blockplug::testing
