// SPDX-License-Identifier: Apache-2.0
#pragma once
// One request sent to a helper and its answer read, until a deadline that `stop` brings nearer. A value on the caller's stack: one
// thread. It owns neither the socket nor the process.
#include <cstdint>
#include <stop_token>
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug {

class HelperTalk {
 public:
  // Late: neither an end of the answer nor of the process by the deadline, or an answer that is far too long.
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
