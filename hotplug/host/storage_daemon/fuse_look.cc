// SPDX-License-Identifier: Apache-2.0
// Probes a mapping; changes nothing.
#include <unistd.h>

#include <algorithm>

#include "attach-detach/roles.h"
#include "hotplug/host/helper/program.h"
#include "hotplug/host/storage_daemon/fuse_connection.h"
#include "hotplug/host/storage_daemon/fuse_map.h"
#include "hotplug/rungs.h"
#include "hotplug/vm/throttled_node.h"

namespace blockplug::fuse {
namespace {
using Kind = StorageDaemon::Reached::Kind;
using Detail = StorageDaemon::Detail;

bool is_there(const std::string& program) {
  const auto path = find_program(program);
  return path && ::access(path->c_str(), X_OK) == 0;
}
}  // namespace

Finding FuseMap::probe(const Call& call) {
  if (const auto busy = parts_.helper.busy(call.key.volume)) return {Standing::Unknown, {}, *busy};
  const auto sight = look(call, Detail::Name);
  if (sight.is_silent()) return {Standing::Unknown, {}, sight.reached.why};
  if (!sight.is_here()) {
    if (!sight.home.exists() && sight.loops.empty())
      return {Standing::Down, {}, call.before.contains(roles::kDevicePath) ? "its storage daemon and its devices are gone" : ""};
    const auto device = sight.loops.empty() ? std::string{} : ": " + sight.loops.front().path + " only returns errors";
    return {Standing::Partial, facts_of(sight), sight.reached.why + device};
  }
  parts_.processes.watch(sight.daemon().process(), call.key.volume);
  const auto& state = sight.state;
  const auto lacks = !state.node         ? "has not opened the image"
                     : !state.has_export ? "does not export the image"
                                         : "its loop device is missing";
  if (!state.node || !state.has_export || sight.loops.empty())
    return {Standing::Partial, facts_of(sight), std::string("its storage daemon is running, but ") + lacks};
  if (const auto flaw = flaw_of(call, sight); !flaw.empty()) return {Standing::Stale, facts_of(sight), flaw};
  const auto& loop = sight.loops.front();
  parts_.events.watch(loop.path, call.key.volume);
  return {Standing::Up, facts_of(sight),
          loop.is_leaving ? "`losetup -d " + loop.path + "` was run: it will be detached when nothing uses it any more" : ""};
}

// How a complete mapping differs from the desired state; empty: it does not. Checks the loop device, which has its size and access
// from the node.
std::string FuseMap::flaw_of(const Call& call, const Sight& sight) const {
  const auto& loop = sight.loops.front();
  if (loop.access != call.spec.access)
    return loop.path + " is mapped " + to_text(loop.access) + ", desired: " + to_text(call.spec.access);
  if (loop.size_bytes < desired_bytes(call))
    return loop.path + " has " + std::to_string(loop.size_bytes) + " bytes, desired: " + std::to_string(desired_bytes(call));
  if (may_mix_up_writes(sight)) return "its storage daemon may be sent several requests at a time, and may mix up their data";
  if (sight.state.limits != limits_of(call.spec)) return "its limits differ";
  if (sight.loops.size() > 1) return "it is mapped twice: on " + loop.path + " and " + sight.loops[1].path;
  return {};
}

FuseMap::Sight FuseMap::look(const Call& call, Detail wanted) const {
  Sight sight{.home = {maps_, parts_.owner, call.key.volume}, .reached = {}, .state = {}, .loops = {}};
  sight.loops = loops_of(sight.home.directory());
  sight.reached = StorageDaemon::reach(sight.home, process_from_facts(call.before), call.deadline);
  if (!sight.is_here()) return sight;
  const bool is_heard = wanted == Detail::Whole && parts_.source.answers(call).ok();
  auto state = sight.daemon().state(call, is_heard ? Detail::Whole : Detail::Name);
  if (state.ok())
    sight.state = std::move(*state);
  else
    sight.reached = {Kind::Silent, state.error().message, nullptr};
  return sight;
}

// It runs, but in a state that cannot be completed or corrected while it runs.
bool FuseMap::is_beyond_repair(const Call& call, const Sight& sight) const {
  const auto& state = sight.state;
  const bool is_seen = state.node && !state.node->is_known_by_name;
  if (is_seen && state.node->is_read_only != (call.spec.access == Access::ReadOnly)) return true;
  if (is_seen && !parts_.source.is_of_volume(call, state.node->source).value_or(true)) return true;
  if (state.has_export && sight.loops.empty()) return !is_mounted(sight.home.image());
  if (!sight.loops.empty() && (!state.has_export || !state.node)) return true;
  return sight.loops.size() > 1 || (!sight.loops.empty() && sight.loops.front().access != call.spec.access);
}

// Mapped by an earlier version: see fuse_connection.h.
bool FuseMap::may_mix_up_writes(const Sight& sight) {
  if (sight.loops.empty() || !sight.loops.front().is_direct) return false;
  const auto number = mount_number(sight.home.image());
  const auto is_safe = is_one_at_a_time(number);
  return !number.empty() && !(is_safe.ok() && *is_safe);
}

Facts FuseMap::facts_of(const Sight& sight) const {
  Facts facts{{roles::kDeviceMapper, kName}, {roles::kDeviceCanLimit, "true"}};
  if (sight.is_here()) put_facts(sight.daemon().process(), facts);
  if (sight.loops.empty()) return facts;
  const auto& loop = sight.loops.front();
  facts[roles::kDevicePath] = loop.path;
  facts[roles::kDeviceNumber] = loop.number;
  facts[roles::kDeviceSizeBytes] = std::to_string(loop.size_bytes);
  return facts;
}

Survey FuseMap::survey(Time) {
  Survey found;
  for (const auto& key : FuseHome::all(maps_, parts_.owner)) {
    if (backend_of(key.volume) != parts_.backend) continue;
    const FuseHome home{maps_, parts_.owner, key.volume};
    Facts facts{{roles::kDeviceMapper, kName}};
    const auto living = home.living();
    if (living) put_facts(*living, facts);
    auto what =
        living ? "storage daemon " + std::to_string(living->pid) : "remains of a storage daemon in " + home.directory().native();
    for (const auto& loop : loops_of(home.directory())) {
      facts[roles::kDevicePath] = loop.path;
      what += " with " + loop.path;
    }
    found.push_back({.key = key, .kind = rungs::kMap, .facts = std::move(facts), .what = std::move(what)});
  }
  return found;
}

std::optional<std::string> FuseMap::lack() const {
  if (::access("/dev/fuse", F_OK) != 0)
    return "there is no /dev/fuse: run `modprobe fuse`, and load it at boot with /etc/modules-load.d";
  if (::access("/dev/loop-control", F_OK) != 0)
    return "there is no /dev/loop-control: run `modprobe loop`, and load it at boot with /etc/modules-load.d";
  if (!is_there(parts_.program)) return parts_.program + " is missing: install qemu-system-common (Debian) or QEMU's tools";
  return std::nullopt;
}

}  // namespace blockplug::fuse
