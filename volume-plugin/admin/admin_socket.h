// SPDX-License-Identifier: Apache-2.0
#pragma once
// The admin socket: who may connect. Its file has mode 0600 from its first moment; besides, the kernel tells whose process has
// connected, and only root's and those of this daemon's own user are served, whatever mode the file has by now.
//
// Owned by AdminServer. One thread, started once, which only accepts.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "attach-detach/outcome.h"
#include "hotplug/host/file_descriptor.h"

namespace blockplug::admin {

class AdminSocket {
 public:
  struct Callbacks {                                         // called on the thread
    std::function<void(int connection)> on_connection;       // owns the descriptor, which does not block
    std::function<void(const std::string& who)> on_refused;  // "process 4711 of user 1000"
  };
  // Replaces the socket of a dead daemon. FailedPrecondition: a daemon answers there, or it is another kind of file.
  static Result<std::unique_ptr<AdminSocket>> listen(const std::string& path);
  ~AdminSocket();
  AdminSocket(const AdminSocket&) = delete;
  AdminSocket& operator=(const AdminSocket&) = delete;

  Status start(Callbacks callbacks);
  void stop();  // accepts no more, and removes the file, unless it is another daemon's by now

 private:
  AdminSocket(std::string path, FileDescriptor socket, FileDescriptor wakeup);
  void run();
  bool accept_one();

  const std::string path_;
  FileDescriptor socket_, wakeup_;
  unsigned long device_{}, inode_{};  // of the file
  Callbacks callbacks_;
  std::atomic<bool> is_stopping_{};
  std::thread thread_;
};

}  // namespace blockplug::admin
