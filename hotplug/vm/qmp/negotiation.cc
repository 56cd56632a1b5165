// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/qmp/negotiation.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace blockplug::qmp {
namespace {
constexpr const char* kSilent = "no greeting: another client uses this monitor, or QEMU is stopped";

// All errors become Unavailable. `silent`: the message for a passed deadline.
Error unavailable(Error error, const char* silent) {
  return no_effect(Code::Unavailable, error.code == Code::DeadlineExceeded ? silent : std::move(error.message));
}

Result<Message> receive(Negotiated& connection, Time deadline) {
  std::array<char, 4096> buffer{};
  for (;;) {
    if (auto message = TRY(connection.decoder.next())) return std::move(*message);
    TRY(connection.socket.wait_for(POLLIN, deadline));
    const auto received = TRY(connection.socket.receive_some(buffer));
    connection.decoder.feed({buffer.data(), received});
  }
}

Status send(Negotiated& connection, std::string_view bytes, Time deadline) {
  while (!bytes.empty()) {
    TRY(connection.socket.wait_for(POLLOUT, deadline));
    bytes.remove_prefix(TRY(connection.socket.send_some(bytes)));
  }
  return Ok{};
}

Result<Greeting> receive_greeting(Negotiated& connection, Time deadline) {
  auto message = TRY(receive(connection, deadline));
  if (auto* greeting = std::get_if<Greeting>(&message)) return std::move(*greeting);
  return no_effect(Code::Unavailable, "not QMP: the first message is not a greeting");
}

Status agree(Negotiated& connection, const Greeting& greeting, Time deadline) {
  auto arguments = nlohmann::json::object();
  if (std::ranges::find(greeting.capabilities, "oob") != greeting.capabilities.end()) arguments["enable"] = {"oob"};
  const auto command = TRY(encode_command("qmp_capabilities", arguments, "0/connect"));
  TRY(send(connection, command, deadline));
  for (;;) {
    auto message = TRY(receive(connection, deadline));
    if (auto* event = std::get_if<Event>(&message)) {
      connection.events.push_back(std::move(*event));
      continue;
    }
    const auto* reply = std::get_if<Reply>(&message);
    if (reply == nullptr) return no_effect(Code::Unavailable, "not QMP: a second greeting");
    if (const auto* refusal = std::get_if<Refusal>(&reply->outcome))
      return no_effect(Code::Unavailable, "qmp_capabilities: " + refusal->description);
    return Ok{};
  }
}

Result<Negotiated> negotiate_on(MonitorSocket connected, Time deadline) {
  Negotiated connection{.socket = std::move(connected), .decoder = Decoder{}, .events = {}, .peer = {}};
  connection.peer.pid = TRY(connection.socket.peer_pid());
  const auto greeting = receive_greeting(connection, deadline);
  if (!greeting.ok()) return unavailable(greeting.error(), kSilent);
  if (auto agreed = agree(connection, *greeting, deadline); !agreed.ok())
    return unavailable(agreed.error(), "qmp_capabilities: no reply");
  return connection;
}
}  // namespace

Result<Negotiated> negotiate(const std::string& path, Time deadline) {
  const std::string context = "monitor " + path;
  auto socket = MonitorSocket::connect(path, deadline);
  if (!socket.ok()) return within(context, std::move(socket).error());
  auto connection = negotiate_on(std::move(socket).value(), deadline);
  if (!connection.ok()) return within(context, std::move(connection).error());
  return connection;
}

}  // namespace blockplug::qmp
