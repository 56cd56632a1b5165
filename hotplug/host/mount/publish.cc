// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/publish.h"

#include "attach-detach/roles.h"
#include "hotplug/host/helper/helper_call.h"
#include "hotplug/host/mount/flags.h"
#include "hotplug/host/mount/lowering.h"
#include "hotplug/host/mount/mount_table.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/host/mount/verbs.h"
#include "hotplug/rungs.h"

namespace blockplug::mount {
namespace {
Shape shape_of(const Spec& spec) { return spec.filesystem.empty() ? Shape::BlockDevice : Shape::Directory; }

// The source of the bind mount: from the rungs below, else from the record.
struct Source {
  std::string path, number, device;  // device: for raw block only
  bool is_ours(const Mount& mount) const { return device.empty() ? is_filesystem_of(mount, number) : is_node_of(mount, device); }
};

Source source_below(const Call& call) {
  if (shape_of(call.spec) == Shape::Directory)
    return {fact(call.below, roles::kMountPath), fact(call.below, roles::kMountNumber), {}};
  return {fact(call.below, roles::kDevicePath), fact(call.below, roles::kDeviceNumber), fact(call.below, roles::kDevicePath)};
}

Source source_recorded(const Call& call) {
  return {{}, fact(call.before, roles::kMountNumber), fact(call.before, roles::kMountDevice)};
}

// Kubelet binds a device that was published to it once more, at .../volumeDevices/<volume>/dev/<pod>, and takes that away itself
// before it asks us to unpublish.
bool is_kubelets_own(const std::string& path) {
  constexpr std::string_view kDevices = "/plugins/kubernetes.io/csi/volumeDevices/";
  const auto at = path.find(kDevices);
  if (at == std::string::npos) return false;
  const auto volume_end = path.find('/', at + kDevices.size());
  return volume_end != std::string::npos && path.compare(volume_end, 5, "/dev/") == 0;
}

bool is_to_be_read_only(const Call& call) {
  return call.spec.access == Access::ReadOnly || (call.leaf != nullptr && wants_read_only(call.leaf->access, call.leaf->flags));
}

Result<std::string> path_of(const Call& call) {
  if (const auto known = fact(call.before, roles::kMountPath); !known.empty()) return known;
  TRY(check_path(call.rung.leaf));
  return resolve(call.rung.leaf);
}

// Checked here before anything is recorded; the helper checks again.
Status check_is_free(const std::string& path, const Source& source, Shape shape) {
  const auto mounts = TRY(all_mounts());
  const auto there = find_at(mounts, path);
  if (!there || !source.is_ours(*there)) return check_target(path, shape);
  if (const auto* hider = hider_of(mounts, *there)) return no_effect(Code::FailedPrecondition, path + " is " + hidden_text(*hider));
  return Ok{};
}
}  // namespace

Attempt Publish::raise(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  auto attempt = bind(call);
  return attempt.ok() ? std::move(attempt).value() : Attempt{std::move(attempt).error()};
}

Result<Attempt> Publish::bind(const Call& call) const {
  const auto path = TRY(path_of(call));
  const auto source = source_below(call);
  const auto shape = shape_of(call.spec);
  if (source.path.empty() || source.number.empty())
    return no_effect(Code::Unavailable, shape == Shape::Directory ? "no mounted file system to bind: the rung below is not up"
                                                                  : "no device to bind: the rung below is not up");
  TRY(check_is_free(path, source, shape));
  // Marks the mount as ours, so that it is found again.
  if (path != call.rung.leaf) TRY(call.journal.keep({{roles::kMountPath, path}}));
  Facts desired{{"source", source.path},
                {"number", source.number},
                {"shape", shape == Shape::Directory ? "directory" : "block"},
                {"path", path},
                {"access", is_to_be_read_only(call) ? "ro" : "rw"},
                {"flags", call.leaf == nullptr ? "" : joined(call.leaf->flags)}};
  const auto bound = TRY(run(parts_.helper, call, "bind", std::move(desired), "the bind of " + source.path + " to " + path));
  if (const auto user = fact(bound, "busy"); !user.empty())
    return Attempt{wait_for(path + " is in use by " + user + ", so it cannot become read-only")};
  parts_.watch.watch(path, call.key.volume);
  Facts facts{{roles::kMountPath, path}, {roles::kMountNumber, source.number}};
  if (!source.device.empty()) facts[roles::kMountDevice] = source.device;
  return Attempt{Done{std::move(facts)}};
}

Attempt Publish::lower(const Call& call) {
  const auto path = path_of(call);
  if (!path.ok() && path.error().code == Code::InvalidArgument) return Done{};  // never existed
  if (!path.ok()) return path.error();
  const auto recorded = source_recorded(call);
  const auto source = recorded.number.empty() ? source_below(call) : recorded;
  return lower_mount(parts_.helper, parts_.watch, call, {.path = *path, .number = source.number, .device = source.device});
}

Finding Publish::probe(const Call& call) {
  return probe_mount(parts_.helper, parts_.watch, call, path_of(call), [&](const std::string& path) { return judge(call, path); });
}

Finding Publish::judge(const Call& call, const std::string& path) const {
  const auto read = parts_.watch.mounts_since(call.must_be_read_since());
  if (!read.ok()) return {Standing::Unknown, {}, read.error().message};
  const auto& mounts = **read;
  const auto there = find_at(mounts, path);
  if (!there) return judge_nothing(path, call.before);
  const auto now = source_below(call), recorded = source_recorded(call);
  const auto is_ours = [&](const Mount& mount) { return now.is_ours(mount) || recorded.is_ours(mount); };
  if (!is_ours(*there)) return judge_stranger(mounts, *there, is_ours);
  auto facts = call.before;
  facts[roles::kMountPath] = path;
  if (const auto* hider = hider_of(mounts, *there)) return {Standing::Stale, std::move(facts), path + " is " + hidden_text(*hider)};
  if (recorded.number.empty()) return {Standing::Partial, std::move(facts), "it is mounted, but the attempt was interrupted"};
  // A bound node says only its name: the number tells whether the volume still is that device.
  if (!now.number.empty() && (now.number != recorded.number || now.device != recorded.device))
    return {Standing::Stale, std::move(facts),
            path + " has device " + recorded.number + " bound, but the volume is now device " + now.number};
  if (call.leaf != nullptr && there->is_bound_read_only != is_to_be_read_only(call))
    return {Standing::Stale, std::move(facts),
            path + " is " + (there->is_bound_read_only ? "read-only" : "read-write") +
                ", desired: " + (there->is_bound_read_only ? "read-write" : "read-only")};
  return {Standing::Up, std::move(facts), {}};
}

Survey Publish::survey(Time deadline) {
  const auto mounts = all_mounts();
  const auto below = resolve(parts_.staging + "/.");
  if (!mounts.ok() || !below.ok()) return unanswered();
  const auto staging = below->substr(0, below->size() - 1);  // with a trailing slash
  const auto devices = parts_.map.survey(deadline);
  Survey found;
  found.is_partial = devices.is_partial;
  for (const auto& mapped : devices) {
    const auto number = fact(mapped.facts, roles::kDeviceNumber), device = fact(mapped.facts, roles::kDevicePath);
    for (const auto& mount : *mounts) {
      const bool is_node = is_node_of(mount, device);
      if (!is_node && (!is_filesystem_of(mount, number) || mount.path.starts_with(staging))) continue;
      if (is_node && is_kubelets_own(mount.path)) continue;
      Facts facts{{roles::kMountPath, mount.path}, {roles::kMountNumber, number}};
      if (is_node) facts[roles::kMountDevice] = device;
      found.push_back({mapped.key, rungs::kPublish, std::move(facts),
                       "mount of " + (device.empty() ? mount.source : device) + " at " + mount.path, mount.path});
    }
  }
  return found;
}

}  // namespace blockplug::mount
