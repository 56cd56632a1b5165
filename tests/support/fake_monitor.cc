// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_monitor.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "attach-detach/check.h"

namespace blockplug::testing {
using nlohmann::json;

void MonitorEnd::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return;  // the client has disconnected; the script notices that when it receives
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void MonitorEnd::send_byte_by_byte(std::string_view bytes) const {
  for (const char byte : bytes) send({&byte, 1});
}

MonitorEnd::Command MonitorEnd::receive() {
  std::array<char, 65536> buffer{};
  Command command{.line = {}, .name = {}, .arguments = std::make_shared<const json>(json::object()), .id_text = "null"};
  std::size_t end = 0;
  while ((end = received_.find('\n')) == std::string::npos) {
    iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t received = ::recvmsg(fd_, &message, receive_flags_ | MSG_CMSG_CLOEXEC);
    if (received <= 0) return command;
    if (const auto* header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_type == SCM_RIGHTS) {
      int descriptor{};
      std::memcpy(&descriptor, CMSG_DATA(header), sizeof(int));
      descriptor_ = std::make_shared<const FileDescriptor>(descriptor);
    }
    received_.append(buffer.data(), static_cast<std::size_t>(received));
  }
  command.line = received_.substr(0, end);
  received_.erase(0, end + 1);
  const json parsed = json::parse(command.line, nullptr, false);
  CHECK(parsed.is_object());
  command.name = parsed.value("execute", "");
  command.arguments = std::make_shared<const json>(parsed.value("arguments", json::object()));
  command.id_text = parsed.value("id", json()).dump();
  command.descriptor = std::exchange(descriptor_, nullptr);
  return command;
}

void MonitorEnd::answer(const Command& command, std::string_view value_text) const {
  send("{\"return\": " + std::string(value_text) + ", \"id\": " + command.id_text + "}\r\n");
}

void MonitorEnd::refuse(const Command& command, std::string_view error_class, std::string_view description) const {
  const json error{{"class", error_class}, {"desc", description}};
  send("{\"id\": " + command.id_text + ", \"error\": " + error.dump() + "}\r\n");
}

MonitorEnd::Command MonitorEnd::greet() {
  send(kGreeting);
  Command command = receive();
  if (!command.line.empty()) answer(command);
  return command;
}

void MonitorEnd::serve(const Handler& handler) {
  for (Command command = receive(); !command.line.empty(); command = receive()) {
    json reply = handler(command.name, *command.arguments);
    reply["id"] = json::parse(command.id_text);
    send(reply.dump() + "\r\n");
  }
}

void MonitorEnd::wait_until_gone() {
  std::array<char, 65536> buffer{};
  while (::recv(fd_, buffer.data(), buffer.size(), 0) > 0) {
  }
}

void MonitorEnd::stop_draining() {
  const int offset = 0;  // each peek continues where the last one ended
  CHECK(::setsockopt(fd_, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)) == 0);
  receive_flags_ = MSG_PEEK;
}

FakeMonitor::FakeMonitor(Script script) : script_(std::move(script)) {
  std::string folder = "/tmp/fake-monitor-XXXXXX";
  CHECK(::mkdtemp(folder.data()) != nullptr);
  folder_ = folder;
  path_ = folder_ + "/qmp.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.c_str(), path_.size());
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  CHECK(::listen(listener_, 8) == 0);
  thread_ = std::thread([this] { run(); });
}

void FakeMonitor::run() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    connections_.push_back(fd);
    const timeval limit{.tv_sec = 120, .tv_usec = 0};
    CHECK(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
    current_ = fd;
    if (is_ended_) return;
    MonitorEnd end(fd);
    script_(end);
    ::shutdown(fd, SHUT_RDWR);
  }
}

FakeMonitor::~FakeMonitor() {
  is_ended_ = true;
  ::shutdown(listener_, SHUT_RDWR);  // wakes accept
  if (const int fd = current_; fd >= 0) ::shutdown(fd, SHUT_RDWR);
  thread_.join();
  for (const int fd : connections_) ::close(fd);
  ::close(listener_);
  ::unlink(path_.c_str());
  ::rmdir(folder_.c_str());
}

}  // namespace blockplug::testing
