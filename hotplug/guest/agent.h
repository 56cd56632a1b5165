// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs programs and reads files in the guest, by its agent. Never uses a shell; arguments are passed unchanged.
//
// Lives as long as one operation of a rung, on its thread. Errors are those of AgentSocket; in addition, after `change` was used,
// giving up between two commands has effect Unknown.
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "hotplug/guest/agent_socket.h"

namespace blockplug {

class Agent {
 public:
  static Result<Agent> connect(AgentSocket::Peer peer, Time deadline, std::stop_token stop);

  struct Ran {
    int exit_status{};    // 128 + n: ended by signal n
    std::string output;   // stdout, unchanged
    std::string message;  // stdout and stderr, printable in one line, at most the last 2,000 bytes
    bool is_ok() const { return exit_status == 0; }
  };
  // look: runs a program that changes nothing; change: one that may. Waits for its end. The program is searched in the guest's PATH
  // and in the system's directories. NotFound: the guest does not have it. Still running at the deadline: DeadlineExceeded,
  // Unknown; it keeps running.
  Result<Ran> look(const std::vector<std::string>& command);
  Result<Ran> change(const std::vector<std::string>& command);

  // Up to `most_bytes` from `offset`; less at the end of the file. NotFound: no such file.
  Result<std::string> read_file(const std::string& path, std::int64_t offset, std::size_t most_bytes);

  Status pause(std::chrono::milliseconds time) const { return socket_.pause(time); }  // see AgentSocket

 private:
  explicit Agent(AgentSocket socket) : socket_(std::move(socket)) {}
  Result<nlohmann::json> ask(std::string_view command, const nlohmann::json& arguments);
  Result<Ran> run(const std::vector<std::string>& command);
  Result<std::int64_t> start(const std::string& program, const std::vector<std::string>& command);
  Result<Ran> await(std::int64_t pid, const std::string& program);
  Result<std::string> read_opened(std::int64_t handle, std::int64_t offset, std::size_t most_bytes);
  Error as_of_now(Error error) const;

  AgentSocket socket_;
  bool may_have_changed_{};
};

}  // namespace blockplug
