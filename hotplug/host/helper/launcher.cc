// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/helper/launcher.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/helper/program.h"
#include "hotplug/host/helper/spawn.h"
#include "hotplug/host/unix_address.h"

namespace blockplug {
namespace {

Error failed(Code code, const std::string& socket, const std::string& what) {
  return no_effect(code, "launcher " + socket + ": " + what);
}

Result<sockaddr_un> address_of(const std::string& socket) {
  if (const auto address = unix_address(socket)) return *address;
  return failed(Code::InvalidArgument, socket, "the path of a socket has 107 bytes at most");
}

FileDescriptor new_socket() { return FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

bool is_connected(int socket, const sockaddr_un& address) {
  return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

Result<FileDescriptor> listen_at(const std::string& socket) {
  const auto address = TRY(address_of(socket));
  if (const auto probe = new_socket(); is_connected(probe.get(), address))
    return failed(Code::FailedPrecondition, socket, "another one listens there");
  auto listener = new_socket();
  ::unlink(socket.c_str());  // of one that has ended
  const auto mask = ::umask(0177);
  const bool is_bound = ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  ::umask(mask);
  constexpr int kMostWaiting = 100;
  if (!is_bound || ::listen(listener.get(), kMostWaiting) != 0)
    return failed(Code::Unavailable, socket, std::string("cannot listen: ") + std::strerror(is_bound ? errno : error));
  return listener;
}

bool is_of_root(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

void serve(int connection, const std::string& program, const std::string& verb) {
  pid_t pid{};
  const FileDescriptor nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!nothing.is_open() || !is_of_root(connection)) return;
  const SpawnWith with{.in = connection, .out = connection, .error = nothing.get(), .flags = POSIX_SPAWN_SETSID};
  (void)spawn(program, {"blockplug-helper", "--only", verb}, with, pid);  // without an answer the caller hears of it
}

void reap_all() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

}  // namespace

Status serve_launcher(const std::string& socket, const std::string& program, const std::string& verb) {
  const auto listener = TRY(listen_at(socket));
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) ::sigaddset(&signals, signal);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  const FileDescriptor signalled(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  for (;;) {
    pollfd ready[] = {{.fd = listener.get(), .events = POLLIN, .revents = 0},
                      {.fd = signalled.get(), .events = POLLIN, .revents = 0}};
    if (::poll(ready, 2, -1) < 0 && errno != EINTR) return failed(Code::Internal, socket, std::strerror(errno));
    for (signalfd_siginfo got{}; ::read(signalled.get(), &got, sizeof got) == sizeof got;)
      if (got.ssi_signo != SIGCHLD) return Ok{};
    reap_all();
    if (ready[0].revents == 0) continue;
    const FileDescriptor connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection.is_open()) serve(connection.get(), program, verb);
  }
}

Result<Facts> run_at_launcher(const std::string& socket, const std::string& verb, const Facts& arguments) {
  const auto address = TRY(address_of(socket));
  const auto connection = new_socket();
  if (!is_connected(connection.get(), address))
    return failed(Code::Unavailable, socket,
                  std::string("it does not listen (") + std::strerror(errno) +
                      "): start it; in Kubernetes it is the pod blockplug-storage of this node");
  const auto request = encode_request(verb, arguments);
  if (::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()) ||
      ::shutdown(connection.get(), SHUT_WR) != 0)
    return maybe_effect(Code::Unavailable, "launcher " + socket + ": it may not have taken the request");
  std::string text;
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(connection.get(), piece, sizeof piece)) != 0;) {
    if (got < 0 && errno != EINTR) break;
    if (got > 0) text.append(piece, static_cast<std::size_t>(got));
  }
  if (auto answer = decode_answer(text)) return std::move(*answer);
  return maybe_effect(Code::Unavailable, "launcher " + socket + ": " + verb + " ended without an answer");
}

}  // namespace blockplug
