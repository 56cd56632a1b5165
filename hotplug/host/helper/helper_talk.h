// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sends one request to a helper and reads its answer, until a deadline that `stop` moves closer. A value on the caller's stack: one
// thread. Owns neither the socket nor the process.
#include <cstdint>
#include <stop_token>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug {

class HelperTalk {
 public:
  // Late: neither the answer nor the process has ended by the deadline, or the answer is too long.
  enum class End : std::uint8_t { Answered, Late };

  HelperTalk(int socket, int pidfd, std::string request, Time deadline)
      : socket_(socket), pidfd_(pidfd), request_(std::move(request)), deadline_(deadline) {}
  End run(const std::stop_token& stop);
  const std::string& answer() const { return answer_; }

 private:
  void send_more();
  bool read_more();

  const int socket_, pidfd_;
  const std::string request_;
  Time deadline_;
  std::size_t sent_{};
  std::string answer_;
};

}  // namespace blockplug
