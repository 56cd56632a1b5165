// SPDX-License-Identifier: Apache-2.0
#pragma once
// While a call waits, prints to a terminal how the volume's attachments change. Runs from construction to destruction on a thread
// of its own, beside the call on the same connection; if watching fails, the call goes on without it.
#include <string>
#include <thread>

#include "volume-plugin/cli/command.h"

namespace blockplug::cli {

class Follow {
 public:
  Follow(const Session& session, const std::string& volume);

 private:
  std::jthread watcher_;
};

}  // namespace blockplug::cli
