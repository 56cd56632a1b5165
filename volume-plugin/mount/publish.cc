// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/mount/publish.h"

#include "hotplug/helper/helper_call.h"
#include "volume-plugin/mount/flags.h"
#include "volume-plugin/mount/lowering.h"
#include "volume-plugin/mount/mount_table.h"
#include "volume-plugin/mount/target_path.h"
#include "volume-plugin/mount/verbs.h"

namespace blockplug::mount {
namespace {
Shape shape_of(const Spec& spec) { return spec.filesystem.empty() ? Shape::BlockDevice : Shape::Directory; }

// What is bound: as the rungs below say now, else as it was recorded.
struct Source {
  std::string path, number, device;  // device: for raw block only
  bool is_ours(const Mount& mount) const { return device.empty() ? is_filesystem_of(mount, number) : is_node_of(mount, device); }
};

Source source_below(const Call& call) {
  if (shape_of(call.spec) == Shape::Directory)
    return {value_of(call.below, "stage.path"), value_of(call.below, "stage.number"), {}};
  return {value_of(call.below, "map.device"), value_of(call.below, "map.number"), value_of(call.below, "map.device")};
}

Source source_recorded(const Call& call) { return {{}, value_of(call.before, "number"), value_of(call.before, "device")}; }

bool is_to_be_read_only(const Call& call) {
  return call.spec.access == Access::ReadOnly || (call.leaf != nullptr && wants_read_only(call.leaf->access, call.leaf->flags));
}

Result<std::string> path_of(const Call& call) {
  if (const auto known = value_of(call.before, "path"); !known.empty()) return known;
  TRY(check_path(call.rung.leaf));
  return resolve(call.rung.leaf);
}

// Here once more before anything is written down; the helper looks again when it acts.
Status check_is_free(const std::string& path, const Source& source, Shape shape) {
  const auto there = find_at(TRY(all_mounts()), path);
  return there && source.is_ours(*there) ? Status{Ok{}} : check_target(path, shape);
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
    return no_effect(Code::Unavailable, shape == Shape::Directory ? "there is no mounted file system below to bind"
                                                                  : "there is no device below to bind");
  TRY(check_is_free(path, source, shape));
  // By this name it is found again, and not taken for somebody else's.
  if (path != call.rung.leaf) TRY(call.journal.keep({{"path", path}}));
  Facts wish{{"source", source.path},
             {"number", source.number},
             {"shape", shape == Shape::Directory ? "directory" : "block"},
             {"path", path},
             {"access", is_to_be_read_only(call) ? "ro" : "rw"},
             {"flags", call.leaf == nullptr ? "" : joined(call.leaf->flags)}};
  const auto bound = TRY(run(parts_.helper, call, "bind", std::move(wish), "the bind of " + source.path + " to " + path));
  if (const auto user = value_of(bound, "busy"); !user.empty())
    return Attempt{wait_for(path + " is in use by " + user + ", so it cannot become read-only")};
  parts_.watch.watch(path, call.key.volume);
  Facts facts{{"path", path}, {"number", source.number}};
  if (!source.device.empty()) facts["device"] = source.device;
  return Attempt{Done{std::move(facts)}};
}

Attempt Publish::lower(const Call& call) {
  const auto path = path_of(call);
  if (!path.ok() && path.error().code == Code::InvalidArgument) return Done{};  // never was
  if (!path.ok()) return path.error();
  const auto recorded = source_recorded(call);
  const auto source = recorded.number.empty() ? source_below(call) : recorded;
  return lower_mount(parts_.helper, parts_.watch, call,
                     {.path = *path, .number = source.number, .device = source.device});
}

Finding Publish::probe(const Call& call) {
  return probe_mount(parts_.helper, parts_.watch, call, path_of(call), [&](const std::string& path) { return judge(call, path); });
}

Finding Publish::judge(const Call& call, const std::string& path) const {
  const auto mounts = all_mounts();
  if (!mounts.ok()) return {Standing::Unknown, {}, mounts.error().message};
  const auto there = find_at(*mounts, path);
  if (!there) {
    // What we made stays ours to take away, also where its mount went with a reboot and nobody wishes for it any more.
    if (is_made_by_us(path)) return {Standing::Partial, call.before, "nothing is mounted on " + path + ", which we made"};
    return {Standing::Down, {}, "nothing is mounted on " + path};
  }
  const auto now = source_below(call), recorded = source_recorded(call);
  const auto is_ours = [&](const Mount& mount) { return now.is_ours(mount) || recorded.is_ours(mount); };
  if (!is_ours(*there)) return judge_stranger(*mounts, *there, is_ours);
  auto facts = call.before;
  facts["path"] = path;
  if (recorded.number.empty()) return {Standing::Partial, std::move(facts), "it is mounted, but the attempt was cut short"};
  // A bound node says only its name: the number tells whether the volume still is that device.
  if (!now.number.empty() && (now.number != recorded.number || now.device != recorded.device))
    return {Standing::Stale, std::move(facts),
            path + " shows the device " + recorded.number + ", and the volume is " + now.number + " now"};
  if (call.leaf != nullptr && there->is_bound_read_only != is_to_be_read_only(call))
    return {Standing::Stale, std::move(facts),
            path + " is " + (there->is_bound_read_only ? "read-only" : "read-write") + ", not as wished"};
  return {Standing::Up, std::move(facts), {}};
}

std::vector<Found> Publish::survey() {
  const auto mounts = all_mounts();
  const auto below = resolve(parts_.staging + "/.");
  if (!mounts.ok() || !below.ok()) return {};
  const auto staging = below->substr(0, below->size() - 1);  // with its slash
  std::vector<Found> found;
  for (const auto& mapped : parts_.map.survey()) {
    const auto number = value_of(mapped.facts, "number"), device = value_of(mapped.facts, "device");
    for (const auto& mount : *mounts) {
      const bool is_node = is_node_of(mount, device);
      if (!is_node && (!is_filesystem_of(mount, number) || mount.path.starts_with(staging))) continue;
      Facts facts{{"path", mount.path}, {"number", number}};
      if (is_node) facts["device"] = device;
      found.push_back({mapped.key, RungKind::Publish, std::move(facts),
                       "mount of " + (device.empty() ? mount.source : device) + " at " + mount.path, mount.path});
    }
  }
  return found;
}

}  // namespace blockplug::mount
