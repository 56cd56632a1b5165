// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/helper/helper_call.h"

#include <utility>

namespace blockplug {

Result<Facts> run(Helper& helper, const Call& call, std::string verb, Facts arguments, std::string what) {
  return helper.run({.verb = std::move(verb),
                     .arguments = std::move(arguments),
                     .volume = call.key.volume,
                     .what = std::move(what),
                     .deadline = call.deadline,
                     .stop = call.stop});
}

std::optional<Waiting> wait_for_helper(Helper& helper, const Call& call) {
  auto busy = helper.busy(call.key.volume);
  if (!busy) return std::nullopt;
  return Waiting{std::move(*busy), Clock::now() + std::chrono::seconds(1)};
}

}  // namespace blockplug
