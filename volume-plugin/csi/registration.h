// SPDX-License-Identifier: Apache-2.0
#pragma once
// Keeps the socket in place by which a kubelet learns of this plugin: <kubelet>/plugins_registry/<driver>-reg.sock. Kubelet
// registers the plugin when that file appears, and when kubelet starts; so the file is made when the directory appears, and made
// again when it was deleted or replaced. A machine without a kubelet has no such directory, and nothing happens.
//
// Owned by CsiServer. One thread, which looks every few seconds.
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "volume-plugin/grpc/peer_socket.h"

namespace blockplug::csi {

class RegistrationSocket {
 public:
  struct Callbacks {  // on threads of the sockets
    std::function<void(int connection)> on_connection;
    std::function<void(const std::string& who)> on_refused;
    std::function<void(const std::string& problem)> on_problem;  // once for each new problem
  };
  RegistrationSocket(std::string path, Callbacks callbacks) : path_(std::move(path)), callbacks_(std::move(callbacks)) {}
  ~RegistrationSocket() { stop(); }
  RegistrationSocket(const RegistrationSocket&) = delete;
  RegistrationSocket& operator=(const RegistrationSocket&) = delete;
  Status start();
  void stop();  // removes the socket: kubelet takes the plugin for one that has gone

 private:
  void run();
  void look();
  const std::string path_;
  const Callbacks callbacks_;
  FileDescriptor wakeup_;
  std::unique_ptr<PeerSocket> socket_;  // of the thread, once that runs
  std::string last_problem_;
  std::thread thread_;
};

}  // namespace blockplug::csi
