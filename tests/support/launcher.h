// SPDX-License-Identifier: Apache-2.0
#pragma once
// A launcher of storage daemons as a process, which ends with the test. What it starts is told by its priority.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "hotplug/host/file_descriptor.h"
#include "tests/support/paths.h"

namespace blockplug::testing {

class Launcher {
 public:
  static constexpr int kNice = 7;

  explicit Launcher(const std::string& socket) {
    const auto helper = program("blockplug-helper");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpriority(PRIO_PROCESS, 0, kNice);
      ::execl(helper.c_str(), "blockplug-helper", "--launch-storage-daemons", socket.c_str(), nullptr);
      ::_exit(127);
    }
    int status{};
    while (!listens(socket) && ::waitpid(pid_, &status, WNOHANG) == 0) ::usleep(1000);
    EXPECT_TRUE(listens(socket)) << "it ended with status " << status;
  }
  ~Launcher() {
    ::kill(pid_, SIGTERM);
    int status{};
    ::waitpid(pid_, &status, 0);
    EXPECT_EQ(status, 0);
  }
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

 private:
  static bool listens(const std::string& path) {
    const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  pid_t pid_{};
};

}  // namespace blockplug::testing
