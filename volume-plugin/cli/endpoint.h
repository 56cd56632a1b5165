// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the daemon listens. The socket is opened here rather than by gRPC, which calls every reason for not getting through
// "unavailable": nobody there, not allowed and busy want different words and exit codes.
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/cli/exit_code.h"
#include "volume-plugin/local/descriptor.h"

namespace blockplug::cli {

inline constexpr const char* kDefaultEndpoint = "unix:///run/blockplug/admin.sock";

struct Endpoint {
  std::string path;  // of the socket
};

// "unix:///run/blockplug/admin.sock", "unix:admin.sock" or an absolute path. InvalidArgument says which forms there are.
Result<Endpoint> parse_endpoint(const std::string& text);

// A connected, non-blocking socket. Unavailable: nobody listens there; PermissionDenied: only root may. Both say what to do.
Result<local::Descriptor> dial(const Endpoint& endpoint);

Daemon look_for_daemon(const Endpoint& endpoint);

}  // namespace blockplug::cli
