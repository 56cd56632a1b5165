// SPDX-License-Identifier: Apache-2.0
#pragma once
// The CSI server: Identity, Controller and Node on a unix socket, and the registration at this machine's kubelet. Callback API: a
// waiting call holds no thread. Owned by the daemon; it makes no decisions, the door does.
#include <memory>
#include <string>

#include "volume-plugin/csi/settings.h"

namespace blockplug::csi {

class CsiServer {
 public:
  struct Options {
    std::string socket;                                 // of the three services
    std::string registration_socket;                    // empty: no registration
    std::function<void(const std::string& text)> warn;  // of refused callers and failed registrations; any thread
    std::function<void(const std::string& text)> tell;  // that a kubelet has registered it; any thread
  };
  // Replaces the socket of a dead daemon. FailedPrecondition: a daemon answers there.
  static Result<std::unique_ptr<CsiServer>> start(Parts parts, Options options);
  ~CsiServer();
  void stop(Time deadline);  // calls in progress are cancelled at the deadline; their requests stay pending

 private:
  class Server;
  explicit CsiServer(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace blockplug::csi
