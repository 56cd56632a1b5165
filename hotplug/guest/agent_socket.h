// SPDX-License-Identifier: Apache-2.0
#pragma once
// One connection to a guest agent: framing, synchronisation, one command at a time (docs/interop/qemu-ga.rst of QEMU).
//
// The agent serves one client at a time: another client can connect but gets no answer. So a connection lives only as long as one
// operation of a rung, and is used by that thread only. It knows nothing of disks and mounts.
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"
#include "hotplug/vm/qmp/monitor_socket.h"

namespace blockplug {

class AgentSocket {
 public:
  struct Peer {
    std::string vm;    // "web-0", for messages
    std::string path;  // of the socket; empty: none possible
  };
  // Connects and skips output meant for earlier clients. Errors have effect None: FailedPrecondition (no socket: the VM has no
  // agent), Unavailable (no answer within three seconds), Cancelled.
  static Result<AgentSocket> connect(Peer peer, Time deadline, std::stop_token stop);

  // The "return" value. Errors: not sent (the deadline has passed, or the call was cancelled): DeadlineExceeded or Cancelled, None.
  // Refused: None; FailedPrecondition with the agent's message, or if the agent blocks the command; Unavailable while it has frozen
  // the guest's file systems. No answer within ten seconds, or the connection was lost: Unavailable, Unknown; no answer by the
  // deadline: DeadlineExceeded, Unknown. An answer that no qemu-ga gives, by its size or its depth: FailedPrecondition, Unknown.
  Result<nlohmann::json> ask(std::string_view command, const nlohmann::json& arguments);
  // Pauses. Cancelled or DeadlineExceeded (None), or Unavailable: the connection was lost.
  Status pause(std::chrono::milliseconds time) const;

 private:
  AgentSocket(Peer peer, qmp::MonitorSocket socket, Time deadline, std::stop_token stop)
      : peer_(std::move(peer)), socket_(std::move(socket)), deadline_(deadline), stop_(std::move(stop)) {}
  Status synchronise(Time until);
  Status may_go_on() const;
  Status send(std::string_view bytes, Time until);
  enum class TooLong : std::uint8_t { Refused, PassedOver };
  Result<std::string> receive_line(Time until, TooLong too_long = TooLong::Refused);
  Error refusal(std::string_view command, const nlohmann::json& error) const;

  Peer peer_;
  qmp::MonitorSocket socket_;
  Time deadline_;
  std::stop_token stop_;
  std::string received_;
  std::size_t looked_at_{};  // prefix of received_ without an end of line
};

}  // namespace blockplug
