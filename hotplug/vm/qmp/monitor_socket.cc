// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/qmp/monitor_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "hotplug/host/unix_address.h"

namespace blockplug::qmp {
namespace {
using std::chrono::milliseconds;

std::string text_of(int error_number) { return std::generic_category().message(error_number); }

// At least 1 ms (SO_SNDTIMEO takes 0 as unlimited) and at most a minute; callers repeat it.
milliseconds until(Time deadline) {
  return std::clamp(std::chrono::ceil<milliseconds>(deadline - Clock::now()), milliseconds(1), milliseconds(60'000));
}

Error connect_error(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR: return no_effect(Code::NotFound, "no such socket");
    case ECONNREFUSED: return no_effect(Code::Unavailable, "nothing listens on this socket");
    default: return no_effect(Code::Unavailable, "connect: " + text_of(error_number));
  }
}
}  // namespace

Result<MonitorSocket> MonitorSocket::connect(const std::string& path, Time deadline) {
  const auto address = unix_address(path);
  if (!address)
    return no_effect(Code::InvalidArgument, "a socket's path has 1 to " + std::to_string(kMostSocketPathBytes) +
                                                " bytes, this one has " + std::to_string(path.size()));

  FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return no_effect(Code::Unavailable, "socket: " + text_of(errno));
  for (;;) {
    // With O_NONBLOCK a full backlog is EAGAIN at once and cannot be polled for; SO_SNDTIMEO bounds the wait instead.
    const auto left = until(deadline);
    const timeval limit{.tv_sec = left.count() / 1000, .tv_usec = left.count() % 1000 * 1000};
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0)
      return no_effect(Code::Unavailable, "SO_SNDTIMEO: " + text_of(errno));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) == 0)
      return MonitorSocket(std::move(fd));
    if (errno != EINTR && errno != EAGAIN) return connect_error(errno);
    if (Clock::now() >= deadline)
      return no_effect(Code::Unavailable, "not accepted: another client uses this monitor, or QEMU is stopped");
  }
}

Result<pid_t> MonitorSocket::peer_pid() const {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return no_effect(Code::Unavailable, "SO_PEERCRED: " + text_of(errno));
  return credentials.pid;
}

Result<std::size_t> MonitorSocket::send_some(std::string_view bytes, int descriptor) {
  iovec part{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (descriptor >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  const ssize_t sent = ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) return static_cast<std::size_t>(sent);
  if (errno == EAGAIN || errno == EINTR) return std::size_t{0};
  return no_effect(Code::Unavailable, "send: " + text_of(errno));
}

Result<std::size_t> MonitorSocket::receive_some(std::span<char> buffer) {
  const ssize_t received = ::recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (received > 0) return static_cast<std::size_t>(received);
  if (received == 0) return no_effect(Code::Unavailable, "the other end closed the connection");
  if (errno == EAGAIN || errno == EINTR) return std::size_t{0};
  return no_effect(Code::Unavailable, "receive: " + text_of(errno));
}

Status MonitorSocket::wait_for(short poll_events, Time deadline) const {
  while (Clock::now() < deadline) {
    pollfd polled{.fd = fd_.get(), .events = poll_events, .revents = 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(until(deadline).count()));
    if (ready > 0) return Ok{};
    if (ready < 0 && errno != EINTR) return no_effect(Code::Unavailable, "poll: " + text_of(errno));
  }
  return no_effect(Code::DeadlineExceeded, "the deadline has passed");
}

void MonitorSocket::shut_down() { ::shutdown(fd_.get(), SHUT_RDWR); }

}  // namespace blockplug::qmp
