// SPDX-License-Identifier: Apache-2.0
#pragma once
// A socket that only root and this daemon's own user may use. Its file has mode 0600 from its first moment; besides, the kernel
// tells whose process has connected, whatever mode the file has by now. (gRPC does not tell who has connected; so connections are
// accepted here and given to it.)
//
// Owned by a server. One thread, started once, which only accepts.
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "attach-detach/outcome.h"
#include "hotplug/host/file_descriptor.h"

namespace blockplug {

class PeerSocket {
 public:
  struct Callbacks {                                         // called on the thread
    std::function<void(int connection)> on_connection;       // owns the descriptor, which does not block
    std::function<void(const std::string& who)> on_refused;  // "process 4711 of user 1000"
  };
  // Replaces the socket of a dead daemon. FailedPrecondition: a daemon answers there, or it is another kind of file.
  // NotFound: its directory does not exist.
  static Result<std::unique_ptr<PeerSocket>> listen(const std::string& path);
  ~PeerSocket();
  PeerSocket(const PeerSocket&) = delete;
  PeerSocket& operator=(const PeerSocket&) = delete;

  Status start(Callbacks callbacks);
  void stop();               // accepts no more, and removes the file, unless it is another daemon's by now
  bool is_in_place() const;  // its file is still there, and nobody has put another one in its place

 private:
  PeerSocket(std::string path, FileDescriptor socket, FileDescriptor wakeup);
  void run();
  bool accept_one();

  const std::string path_;
  FileDescriptor socket_, wakeup_;
  unsigned long device_{}, inode_{};  // of the file
  Callbacks callbacks_;
  std::atomic<bool> is_stopping_{};
  std::thread thread_;
};

}  // namespace blockplug
