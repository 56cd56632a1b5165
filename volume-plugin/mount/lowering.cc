// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/mount/lowering.h"

#include <utility>

#include "volume-plugin/mount/mount_table.h"
#include "volume-plugin/mount/verbs.h"

namespace blockplug::mount {

Waiting wait_for(std::string what) { return {std::move(what), Clock::now() + std::chrono::seconds(1)}; }

Attempt lower_mount(Helper& helper, MountWatch& watch, const Call& call, const Lowering& task) {
  if (const auto left = helper.busy(call.key.volume)) return wait_for(*left);
  watch.unwatch(task.path);
  const bool is_hole = call.because == Because::Hole;
  const auto unmounted = helper.run({.verb = "unmount",
                                     .arguments = {{"path", task.path},
                                                   {"number", task.number},
                                                   {"device", task.device},
                                                   {"hole", is_hole ? "true" : "false"}},
                                     .volume = call.key.volume,
                                     .what = "the unmount of " + task.path,
                                     .deadline = call.deadline,
                                     .stop = call.stop});
  if (!unmounted.ok()) return unmounted.error();
  const auto user = value_of(*unmounted, "busy");
  if (user.empty()) return Done{};
  watch.watch(task.path, call.key.volume);
  const auto why = task.path + " is in use by " + user;
  if (is_hole)
    return no_effect(Code::FailedPrecondition, why + ": nothing is taken from under it; end it, and the volume is put right");
  return wait_for(why);
}

}  // namespace blockplug::mount
