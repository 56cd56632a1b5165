// SPDX-License-Identifier: Apache-2.0
#pragma once
// One connection to one guest agent: framing, synchronisation, one question at a time (docs/interop/qemu-ga.rst of QEMU).
//
// The agent serves one client at a time: to another one a connect succeeds, and no answer comes. So a connection lives as long as
// one operation of a rung, and is used by that thread only. It knows no disks and no mounts.
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"
#include "hotplug/qmp/monitor_socket.h"

namespace blockplug {

class AgentSocket {
 public:
  struct Peer {
    std::string vm;    // "web-0", for people
    std::string path;  // of the socket; empty: there is no place for one
  };
  // Connects and passes over what was meant for earlier clients. Errors have effect None: FailedPrecondition (no socket, so a VM
  // without an agent), Unavailable (nobody answers within three seconds), Cancelled.
  static Result<AgentSocket> connect(Peer peer, Time deadline, std::stop_token stop);

  // The "return" value. Errors: not asked (the deadline has passed, or the wish has changed): DeadlineExceeded or Cancelled, None.
  // Refused: None; FailedPrecondition with the agent's words, or where it may not do this; Unavailable while it has frozen the
  // guest's file systems. No answer within ten seconds, or the connection was lost: Unavailable, Unknown; none by the deadline:
  // DeadlineExceeded, Unknown.
  Result<nlohmann::json> ask(std::string_view command, const nlohmann::json& arguments);
  // Lets some time pass. Cancelled or DeadlineExceeded (None), or Unavailable: the connection was lost.
  Status pause(std::chrono::milliseconds time) const;

 private:
  AgentSocket(Peer peer, qmp::MonitorSocket socket, Time deadline, std::stop_token stop)
      : peer_(std::move(peer)), socket_(std::move(socket)), deadline_(deadline), stop_(std::move(stop)) {}
  Status synchronise(Time until);
  Status may_go_on() const;
  Status send(std::string_view bytes, Time until);
  Result<std::string> receive_line(Time until);
  Error refusal(std::string_view command, const nlohmann::json& error) const;

  Peer peer_;
  qmp::MonitorSocket socket_;
  Time deadline_;
  std::stop_token stop_;
  std::string received_;
  std::size_t looked_at_{};  // of received_: there is no end of line in it
};

}  // namespace blockplug
