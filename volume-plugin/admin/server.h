// SPDX-License-Identifier: Apache-2.0
#pragma once
// The admin gRPC server on a unix socket, for root and the daemon's own user (grpc/peer_socket.h). Callback API: a waiting call
// holds no thread. Owned by the daemon; it makes no decisions, the door does.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hotplug/vm/vms.h"
#include "volume-plugin/doctor/check.h"
#include "volume-plugin/door/door.h"

namespace blockplug {

class AdminServer {
 public:
  struct Parts {
    Door& door;
    VolumeManager& manager;
    Runner& runner;
    std::function<std::vector<VmState>()> vms;
    std::function<std::vector<doctor::Check>()> doctor;  // blocks briefly
    std::string node, version;
    std::function<void(const std::string& who)> on_refused{};  // of callers; on a thread of the server
  };
  // Replaces the socket of a dead daemon. FailedPrecondition: a daemon answers there.
  static Result<std::unique_ptr<AdminServer>> start(Parts parts, const std::string& socket);
  ~AdminServer();
  void stop(Time deadline);              // calls in progress are cancelled at the deadline; their requests stay pending
  void changed(const VolumeId& volume);  // core thread: notifies watchers

 private:
  class Server;
  explicit AdminServer(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace blockplug
