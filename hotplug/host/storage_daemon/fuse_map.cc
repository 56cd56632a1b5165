// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/storage_daemon/fuse_map.h"

#include "hotplug/host/helper/helper_call.h"
#include "hotplug/vm/throttled_node.h"

namespace blockplug::fuse {
using Detail = StorageDaemon::Detail;
namespace {
// /sys shows the kernel's path of the file.
std::filesystem::path real_path(const std::filesystem::path& path) {
  std::error_code problem;
  auto real = std::filesystem::weakly_canonical(path, problem);
  return problem ? path : real;
}

}  // namespace

FuseMap::FuseMap(Parts parts) : parts_(std::move(parts)), maps_(real_path(parts_.run_dir) / "maps") {}

// A new mapping that failed is removed again: an error has effect None only if nothing is left.
Attempt FuseMap::raise(const Call& call) {
  if (auto waiting = wait_for_helper(parts_.helper, call)) return *waiting;
  auto sight = look(call, Detail::Whole);
  if (sight.is_silent()) return when_it_answers(sight.reached.why);
  const bool is_remains = !sight.is_here() && (sight.home.exists() || !sight.loops.empty());
  if (is_remains || (sight.is_here() && is_beyond_repair(call, sight))) {
    auto cleared = clear(call, sight);
    if (!std::holds_alternative<Done>(cleared)) return cleared;
    sight = look(call, Detail::Name);
  }
  const bool was_mapped = !sight.loops.empty();
  auto attempt = complete(call, sight);
  auto* error = std::get_if<Error>(&attempt);
  if (error == nullptr || was_mapped) return attempt;
  if (error->effect == Effect::None) {
    auto rest = look(call, Detail::Name);
    if (rest.is_silent() || !std::holds_alternative<Done>(clear(call, rest))) error->effect = Effect::Unknown;
  }
  return attempt;
}

Attempt FuseMap::complete(const Call& call, Sight& sight) {
  const bool is_to_open = !sight.is_here() || !sight.state.node;
  const bool is_seen = !is_to_open && !sight.state.node->is_known_by_name;
  const bool is_small = !sight.loops.empty() && sight.loops.front().size_bytes < desired_bytes(call);
  const bool is_to_grow = !is_to_open && (is_seen ? sight.state.node->size_bytes < call.spec.size_bytes : is_small);
  std::optional<NodeRecipe> recipe;  // contacts the storage before any step that would block on it
  if (is_to_open || is_to_grow) recipe = TRY(parts_.source.recipe(call));
  if (recipe && recipe->size_bytes < call.spec.size_bytes)
    return no_effect(Code::FailedPrecondition, "the image has " + std::to_string(recipe->size_bytes) + " bytes, expected " +
                                                   std::to_string(call.spec.size_bytes) +
                                                   ": resize the volume, or restore the image's size");
  if (!sight.is_here()) TRY(begin(call, sight));
  parts_.processes.watch(sight.daemon().process(), call.key.volume);
  TRY(open(call, sight, recipe));
  TRY(show(call, sight));
  parts_.events.watch(sight.loops.front().path, call.key.volume);
  return Done{facts_of(sight)};
}

Status FuseMap::begin(const Call& call, Sight& sight) {
  TRY(sight.home.make(call.key, parts_.owner));
  Facts arguments{{"program", parts_.program}};
  if (!parts_.launcher.empty()) arguments["launcher"] = parts_.launcher;
  TRY(run(call, kStartVerb, sight, arguments, "the start of the storage daemon of " + call.key.volume.str()));
  sight.reached = StorageDaemon::reach(sight.home, std::nullopt, call.deadline);
  if (!sight.is_here())
    return maybe_effect(Code::Unavailable, sight.reached.why + ", although it has just been started: try again");
  sight.state = TRY(sight.daemon().state(call, Detail::Name));
  return Ok{};
}

Status FuseMap::open(const Call& call, Sight& sight, const std::optional<NodeRecipe>& recipe) {
  auto& daemon = sight.daemon();
  TRY(daemon.forget_secrets(call, sight.state));
  TRY(daemon.set_limits(call, sight.state, limits_of(call.spec)));
  if (!sight.state.node) return daemon.add_node(call, *recipe);
  if (!recipe) return Ok{};
  return daemon.resize(call, TRY(parts_.source.recipe(call)).size_bytes);  // read just now: QEMU would truncate the image to it
}

Status FuseMap::show(const Call& call, Sight& sight) {
  if (!sight.state.has_export) TRY(sight.daemon().add_export(call, sight.home.image()));
  const auto mark = sight.home.directory().filename().native();
  const auto access = call.spec.access == Access::ReadOnly ? "ro" : "rw";
  const bool was_mapped = !sight.loops.empty();
  if (!was_mapped || may_mix_up_writes(sight))
    TRY(run(call, "fuse-loop-map", sight, {{"access", access}, {"mark", mark}}, "mapping " + sight.home.image().native()));
  if (was_mapped && sight.loops.front().size_bytes < desired_bytes(call)) {
    const auto& device = sight.loops.front().path;
    TRY(run(call, "fuse-loop-resize", sight, {{"device", device}, {"mark", mark}}, "growing " + device));
  }
  sight.loops = loops_of(sight.home.directory());
  if (sight.loops.empty())
    return maybe_effect(Code::Unavailable, "the loop device was detached by another program right after it was mapped: try again");
  const auto& loop = sight.loops.front();
  if (loop.size_bytes >= desired_bytes(call)) return Ok{};
  return maybe_effect(Code::Unavailable, loop.path + " has " + std::to_string(loop.size_bytes) + " bytes, desired: " +
                                             std::to_string(desired_bytes(call)) + "; it was not resized, try again");
}

Status FuseMap::put_limits(const Call& call, const Spec& spec) {
  const FuseHome home{maps_, parts_.owner, call.key.volume};
  const auto reached = StorageDaemon::reach(home, process_from_facts(call.below), call.deadline);
  if (!reached.daemon) return no_effect(Code::Unavailable, reached.why);
  const auto state = TRY(reached.daemon->state(call, Detail::Name));
  return reached.daemon->set_limits(call, state, limits_of(spec));
}

Result<Facts> FuseMap::run(const Call& call, const std::string& verb, const Sight& sight, Facts arguments,
                           const std::string& what) {
  arguments["directory"] = sight.home.directory();
  return blockplug::run(parts_.helper, call, verb, std::move(arguments), what);
}

}  // namespace blockplug::fuse
