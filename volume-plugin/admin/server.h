// SPDX-License-Identifier: Apache-2.0
#pragma once
// The admin gRPC server on a unix socket, for root only: mode 0600 from its first moment. Callback API: a waiting call holds no
// thread. Owned by the daemon; it decides nothing, the door does.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hotplug/vm/vms.h"
#include "volume-plugin/doctor/check.h"
#include "volume-plugin/door.h"

namespace blockplug {

class AdminServer {
 public:
  struct Parts {
    Door& door;
    VolumeManager& manager;
    Runner& runner;
    std::function<std::vector<VmState>()> vms;
    std::function<std::vector<doctor::Check>()> doctor;  // blocks for moments
    std::string node, version;
  };
  // Takes the place of a dead daemon's socket. FailedPrecondition: somebody answers there.
  static Result<std::unique_ptr<AdminServer>> start(Parts parts, const std::string& socket);
  ~AdminServer();
  void stop(Time deadline);                  // calls in progress are cancelled at the deadline; wishes stay
  void changed(const VolumeId& volume);      // core thread: tells watchers

 private:
  class Server;
  explicit AdminServer(std::unique_ptr<Server> server);
  std::unique_ptr<Server> server_;
};

}  // namespace blockplug
