// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/endpoint.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "hotplug/host/unix_address.h"

namespace blockplug::cli {
namespace {
constexpr timeval kConnectLimit{.tv_sec = 5, .tv_usec = 0};  // a daemon whose queue of callers is full
constexpr const char* kWhatToDo = "; start blockplugd (systemctl start blockplugd), or give its socket with --endpoint";

Error cannot_reach(const Endpoint& endpoint, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return no_effect(Code::Unavailable, "no daemon: no such socket: " + endpoint.path + kWhatToDo);
    case ECONNREFUSED: return no_effect(Code::Unavailable, "no daemon: nothing listens on " + endpoint.path + kWhatToDo);
    case EAGAIN:
      return no_effect(Code::Unavailable,
                       "the daemon does not accept calls on " + endpoint.path + ": its queue is full; try again");
    case EACCES:
    case EPERM:
      return no_effect(Code::PermissionDenied, "permission denied for " + endpoint.path + ": run as root (sudo blockplug ...)");
    default:
      return no_effect(Code::Unavailable,
                       "no daemon: cannot connect to " + endpoint.path + ": " + std::strerror(error) + kWhatToDo);
  }
}

Error not_an_endpoint(const std::string& text, const std::string& fault) {
  return no_effect(Code::InvalidArgument,
                   "'" + text + "' " + fault + ": give the daemon's admin socket as unix://PATH, such as " + kDefaultEndpoint);
}
}  // namespace

Result<Endpoint> parse_endpoint(const std::string& text) {
  std::string_view path = text;
  if (path.starts_with("unix://")) {
    path.remove_prefix(std::strlen("unix://"));
    if (!path.starts_with('/')) return not_an_endpoint(text, "has no absolute path");
  } else if (path.starts_with("unix:")) {
    path.remove_prefix(std::strlen("unix:"));
  } else if (!path.starts_with('/')) {
    return not_an_endpoint(text, "is not a unix socket");
  }
  if (path.empty()) return not_an_endpoint(text, "has no path");
  if (path.size() > kMostSocketPathBytes) return not_an_endpoint(text, "is too long for a unix socket (107 bytes at most)");
  return Endpoint{std::string(path)};
}

Result<FileDescriptor> dial(const Endpoint& endpoint) {
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return cannot_reach(endpoint, errno);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kConnectLimit, sizeof(kConnectLimit));
  const auto address = unix_address(endpoint.path);
  CHECK(address);  // as read_endpoint has it
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0)
    return cannot_reach(endpoint, errno);
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) return cannot_reach(endpoint, errno);
  return socket;
}

Daemon look_for_daemon(const Endpoint& endpoint) {
  const auto socket = dial(endpoint);
  return !socket && socket.error().code == Code::Unavailable ? Daemon::Gone : Daemon::Listens;
}

}  // namespace blockplug::cli
