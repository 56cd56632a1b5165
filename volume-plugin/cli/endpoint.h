// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the daemon listens. The socket is opened here and not by gRPC, which reports every connection failure as "unavailable":
// no daemon, permission denied and busy need different messages and exit codes.
#include <string>

#include "attach-detach/outcome.h"
#include "hotplug/host/file_descriptor.h"
#include "volume-plugin/cli/exit_code.h"

namespace blockplug::cli {

inline constexpr const char* kDefaultEndpoint = "unix:///run/blockplug/admin.sock";

struct Endpoint {
  std::string path;  // of the socket
};

// "unix:///run/blockplug/admin.sock", "unix:admin.sock" or an absolute path. InvalidArgument lists the accepted forms.
Result<Endpoint> parse_endpoint(const std::string& text);

// A connected, non-blocking socket. Unavailable: nothing listens there; PermissionDenied: only root may. Both say what to do.
Result<FileDescriptor> dial(const Endpoint& endpoint);

Daemon look_for_daemon(const Endpoint& endpoint);

}  // namespace blockplug::cli
