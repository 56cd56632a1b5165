// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/lowering.h"

#include <utility>

#include "hotplug/host/helper/helper_call.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/host/mount/verbs.h"

namespace blockplug::mount {

Waiting wait_for(std::string what) { return {std::move(what), Clock::now() + std::chrono::seconds(1)}; }

Attempt lower_mount(Helper& helper, MountWatch& watch, const Call& call, const Lowering& task) {
  if (auto waiting = wait_for_helper(helper, call)) return *waiting;
  watch.unwatch(task.path);
  const bool is_hole = call.lower_reason == LowerReason::GapBelow;
  Facts desired{{"path", task.path}, {"number", task.number}, {"device", task.device}, {"hole", is_hole ? "true" : "false"}};
  const auto unmounted = run(helper, call, "unmount", std::move(desired), "the unmount of " + task.path);
  if (!unmounted.ok()) {
    watch.watch(task.path, call.key.volume);  // it may still exist
    return unmounted.error();
  }
  const auto user = fact(*unmounted, "busy");
  if (user.empty()) return Done{};
  watch.watch(task.path, call.key.volume);
  const auto why = task.path + " is in use by " + user;
  if (is_hole)
    return no_effect(Code::FailedPrecondition,
                     why + ": it is not unmounted while in use; end that use, and the volume is repaired");
  return wait_for(why);
}

Finding probe_mount(Helper& helper, MountWatch& watch, const Call& call, const Result<std::string>& path,
                    const std::function<Finding(const std::string& path)>& judge) {
  if (const auto left = helper.busy(call.key.volume)) return {Standing::Unknown, {}, *left};
  if (!path.ok()) return {Standing::Unknown, {}, path.error().message};
  auto finding = judge(*path);
  if (finding.standing == Standing::Up) watch.watch(*path, call.key.volume);
  return finding;
}

Finding judge_nothing(const std::string& path, const Facts& before) {
  if (is_made_by_us(path)) return {Standing::Partial, before, "nothing is mounted on " + path + ", which Blockplug created"};
  return {Standing::Down, {}, "nothing is mounted on " + path};
}

Finding judge_stranger(const std::vector<Mount>& mounts, const Mount& there, const std::function<bool(const Mount&)>& is_ours) {
  const auto what = there.path + " has " + there.source + " (" + there.filesystem + ") mounted";
  for (const auto& mount : mounts)
    if (mount.path == there.path && is_ours(mount)) return {Standing::Stale, {}, what + " over the volume's mount: unmount it"};
  return {Standing::Foreign, {}, what + ", which is another file system: unmount it"};
}

}  // namespace blockplug::mount
