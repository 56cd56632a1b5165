// SPDX-License-Identifier: Apache-2.0
// What there is of a mapping: changes nothing.
#include <unistd.h>

#include <algorithm>

#include "ceph/map/fuse_map.h"
#include "hotplug/vm/throttled_node.h"

namespace blockplug::rbd {
namespace {
namespace fs = std::filesystem;
using Kind = StorageDaemon::Reached::Kind;
using Detail = StorageDaemon::Detail;

const char* to_text(Access access) { return access == Access::ReadOnly ? "read-only" : "read-write"; }

bool is_somewhere(const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  return std::ranges::any_of(std::vector{"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"},
                             [&](const char* directory) { return ::access((directory + program).c_str(), X_OK) == 0; });
}

// Debian has QEMU's block drivers in modules. Elsewhere they may be built in: then the first open tells.
bool lacks_rbd_module() {
  bool has_others = false;
  std::error_code problem;
  for (fs::directory_iterator entry{"/usr/lib", problem}, end; !problem && entry != end; entry.increment(problem)) {
    std::error_code none;
    if (fs::exists(entry->path() / "qemu/block-rbd.so", none)) return false;
    has_others = has_others || fs::is_directory(entry->path() / "qemu", none);
  }
  return has_others && fs::exists("/etc/debian_version", problem);
}
}  // namespace

std::optional<std::string> FuseMap::unfit(const Call&, const Header&) {
  if (::access("/dev/fuse", F_OK) != 0)
    return "there is no /dev/fuse: run `modprobe fuse`, and load it at boot by /etc/modules-load.d";
  if (::access("/dev/loop-control", F_OK) != 0)
    return "there is no /dev/loop-control: run `modprobe loop`, and load it at boot by /etc/modules-load.d";
  if (!is_somewhere(parts_.program))
    return "there is no program " + parts_.program + ": install qemu-system-common (Debian) or QEMU's tools";
  if (lacks_rbd_module()) return "QEMU has no RBD driver here: install qemu-block-extra";
  return std::nullopt;
}

FuseMap::Sight FuseMap::look(const Call& call, Detail wanted) const {
  Sight sight{.home = {maps_, parts_.owner, call.key.volume}, .reached = {}, .state = {}, .loops = {}};
  sight.loops = loops_of(sight.home.directory());
  sight.reached = StorageDaemon::reach(sight.home, process_from_facts(call.before, ""), call.deadline);
  if (!sight.is_here()) return sight;
  const bool is_heard = wanted == Detail::Whole && parts_.source.answers(call.key.volume).ok();
  auto state = sight.daemon().state(call, is_heard ? Detail::Whole : Detail::Name);
  if (state.ok())
    sight.state = std::move(*state);
  else
    sight.reached = {Kind::Silent, state.error().message, nullptr};
  return sight;
}

Facts FuseMap::facts_of(const Sight& sight) const {
  Facts facts{{"mapper", name()}};
  if (sight.is_here()) put_facts(sight.daemon().process(), facts);
  if (sight.loops.empty()) return facts;
  const auto& loop = sight.loops.front();
  facts["device"] = loop.path;
  facts["number"] = loop.number;
  facts["size_bytes"] = std::to_string(loop.size_bytes);
  return facts;
}

// It runs, but not so that a missing piece could be added or a wrong one be set right while it runs.
bool FuseMap::is_beyond_repair(const Call& call, const Sight& sight) const {
  const auto& state = sight.state;
  const bool is_seen = state.node && !state.node->is_known_by_name;
  if (is_seen && state.node->is_read_only != (call.spec.access == Access::ReadOnly)) return true;
  if (is_seen && !parts_.source.is_of_volume(call, state.node->source).value_or(true)) return true;
  if (state.has_export && sight.loops.empty()) return !is_mounted(sight.home.image());
  if (!sight.loops.empty() && (!state.has_export || !state.node)) return true;
  return sight.loops.size() > 1 || (!sight.loops.empty() && sight.loops.front().access != call.spec.access);
}

// Why a complete mapping is not as it must be; empty: it is. By the loop device: it has its size and its access from the node.
std::string FuseMap::flaw_of(const Call& call, const Sight& sight) const {
  const auto& loop = sight.loops.front();
  if (loop.access != call.spec.access)
    return loop.path + " is mapped " + to_text(loop.access) + ", wished is " + to_text(call.spec.access);
  if (loop.size_bytes < wished_bytes(call))
    return loop.path + " has " + std::to_string(loop.size_bytes) + " bytes, wished are " + std::to_string(wished_bytes(call));
  if (sight.state.limits != limits_of(call.spec)) return "its limits are others";
  if (sight.loops.size() > 1) return "it is mapped twice, on " + loop.path + " and " + sight.loops[1].path;
  return {};
}

Finding FuseMap::probe(const Call& call) {
  if (const auto busy = parts_.helper.busy(call.key.volume)) return {Standing::Unknown, {}, *busy};
  const auto sight = look(call, Detail::Name);
  if (sight.is_silent()) return {Standing::Unknown, {}, sight.reached.why};
  if (!sight.is_here()) {
    if (!sight.home.exists() && sight.loops.empty())
      return {Standing::Down, {}, call.before.contains("device") ? "its storage daemon and all that was its are gone" : ""};
    const auto device = sight.loops.empty() ? std::string{} : ": " + sight.loops.front().path + " gives only errors";
    return {Standing::Partial, facts_of(sight), sight.reached.why + device};
  }
  parts_.processes.watch(sight.daemon().process(), call.key.volume);
  const auto& state = sight.state;
  const auto lacks = !state.node         ? "the image is not open in it"
                     : !state.has_export ? "the image is not exported"
                                         : "there is no loop device";
  if (!state.node || !state.has_export || sight.loops.empty())
    return {Standing::Partial, facts_of(sight), std::string("its storage daemon runs, but ") + lacks};
  if (const auto flaw = flaw_of(call, sight); !flaw.empty()) return {Standing::Stale, facts_of(sight), flaw};
  const auto& loop = sight.loops.front();
  parts_.events.watch(loop.path, call.key.volume);
  return {Standing::Up, facts_of(sight),
          loop.is_leaving ? "somebody ran `losetup -d " + loop.path + "`: it goes with its last user" : ""};
}

std::vector<Found> FuseMap::survey() {
  std::vector<Found> found;
  for (const auto& key : FuseHome::all(maps_, parts_.owner)) {
    if (backend_of(key.volume) != parts_.place.backend) continue;
    const FuseHome home{maps_, parts_.owner, key.volume};
    Facts facts{{"mapper", name()}};
    const auto living = home.living();
    if (living) put_facts(*living, facts);
    auto what =
        living ? "storage daemon " + std::to_string(living->pid) : "what a storage daemon left in " + home.directory().native();
    for (const auto& loop : loops_of(home.directory())) {
      facts["device"] = loop.path;
      what += " with " + loop.path;
    }
    found.push_back({.key = key, .kind = RungKind::Map, .facts = std::move(facts), .what = std::move(what)});
  }
  return found;
}

}  // namespace blockplug::rbd
