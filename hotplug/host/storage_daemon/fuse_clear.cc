// SPDX-License-Identifier: Apache-2.0
// Lowering, from any intermediate state.
#include <poll.h>

#include "hotplug/host/device_users.h"
#include "hotplug/host/helper/helper_call.h"
#include "hotplug/host/storage_daemon/fuse_map.h"

namespace blockplug::fuse {
namespace {
constexpr std::chrono::seconds kLookAgain{1};
constexpr std::chrono::seconds kEndLimit{10};

bool has_ended(const ProcessId& process, Time until) {
  const auto pidfd = watch_process(process);
  if (!pidfd.is_open()) return is_proven_dead(process);
  pollfd ready{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) == 1;
}
}  // namespace

Attempt FuseMap::lower(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  const auto sight = look(call, StorageDaemon::Detail::Name);
  if (sight.is_silent()) return when_it_answers(sight.reached.why);
  return clear(call, sight);
}

// Steps that wait for the storage are not started while it does not answer.
Attempt FuseMap::clear(const Call& call, const Sight& sight) {
  if (sight.is_here() && sight.state.node)
    if (const auto answers = parts_.source.answers(call); !answers.ok())
      return when_it_answers("its storage daemon would block while closing the image: " + answers.error().message);
  if (!sight.loops.empty())
    if (auto unmapped = unmap(call, sight); !std::holds_alternative<Done>(unmapped)) return unmapped;
  parts_.processes.unwatch(call.key.volume);
  if (sight.is_here()) TRY(close(call, sight.daemon()));
  if (sight.is_here() && !has_ended(sight.daemon().process(), std::min(call.deadline, Clock::now() + kEndLimit)))
    return Waiting{"its storage daemon (process " + std::to_string(sight.daemon().process().pid) + ") is shutting down",
                   Clock::now() + kLookAgain};
  if (is_mounted(sight.home.image())) TRY(run(call, "fuse-unmount", sight, {}, "unmounting " + sight.home.image().native()));
  if (sight.home.exists()) TRY(sight.home.remove());
  return Done{};
}

Attempt FuseMap::unmap(const Call& call, const Sight& sight) {
  const auto& loop = sight.loops.front();
  for (const auto& each : sight.loops) parts_.events.unwatch(each.path);  // no events for our own changes
  auto gone = run(call, "fuse-loop-unmap", sight, {}, "detaching " + loop.path);
  if (gone.ok()) return Done{};
  for (const auto& each : sight.loops) parts_.events.watch(each.path, call.key.volume);
  return not_unmapped(call, loop.path, loop.number, std::move(gone).error());
}

Status FuseMap::close(const Call& call, StorageDaemon& daemon) {
  TRY(daemon.remove_export(call));
  TRY(daemon.remove_node(call));
  return daemon.quit(call);
}

}  // namespace blockplug::fuse
