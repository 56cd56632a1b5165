// SPDX-License-Identifier: Apache-2.0
#pragma once
// The first two messages of a connection: QEMU's greeting, and qmp_capabilities. Runs on the thread that connects.
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "hotplug/vm/qmp/client.h"
#include "hotplug/vm/qmp/codec.h"
#include "hotplug/vm/qmp/monitor_socket.h"

namespace blockplug::qmp {

// A connection that is ready for commands.
struct Negotiated {
  MonitorSocket socket;
  Decoder decoder;            // may already contain data that followed the reply
  std::vector<Event> events;  // received before the reply
  Peer peer;
};

// Errors have effect None; see Client::connect.
Result<Negotiated> negotiate(const std::string& path, Time deadline);

}  // namespace blockplug::qmp
