// SPDX-License-Identifier: Apache-2.0
#include "hotplug/open.h"

#include <nlohmann/json.hpp>

#include "hotplug/names.h"
#include "hotplug/vm/refusal.h"
#include "hotplug/vm/throttled_node.h"

namespace blockplug {
namespace {
using Json = nlohmann::json;
constexpr std::chrono::seconds kProbeAge{1};
constexpr std::chrono::seconds kSurveyLimit{5};
constexpr std::chrono::seconds kLookAgain{5};

bool is_read_only(const Spec& spec) { return spec.access == Access::ReadOnly; }

Facts facts_of(const Call& call, const ProcessId& process) {
  Facts facts{{"node", node_name(call.key.volume)}};
  put_facts(process, facts);
  return facts;
}

Waiting for_migration(const Vm& vm) {
  return {"VM " + vm.id() + " is migrating and left alone until that has ended", Clock::now() + kLookAgain};
}

Result<Json> ask(const Call& call, Vm& vm, std::string_view command, const Json& arguments) {
  return vm.execute(command, arguments, call.deadline, call.operation);
}

// Already so is fine, whatever `fine` says that is.
Status ask_unless(Refusal fine, const Call& call, Vm& vm, std::string_view command, const Json& arguments) {
  auto reply = ask(call, vm, command, arguments);
  if (reply) return Ok{};
  const Refusal refusal = refusal_of(command, reply.error());
  if (refusal == fine) return Ok{};
  return to_error(command, refusal, std::move(reply).error());
}

// One of this name that a crash left may hold an old key: it is made anew.
Status add_fresh_object(const Call& call, Vm& vm, const Json& object) {
  auto reply = ask(call, vm, "object-add", object);
  if (!reply && refusal_of("object-add", reply.error()) == Refusal::AlreadyThere) {
    TRY(ask_unless(Refusal::Gone, call, vm, "object-del", {{"id", object.at("id")}}));
    reply = ask(call, vm, "object-add", object);
  }
  if (reply) return Ok{};
  return to_error("object-add", refusal_of("object-add", reply.error()), std::move(reply).error());
}

std::string in_the_way(const Call& call, const BlockNode& node) {
  return "block node " + node.name + " in VM " + vm_of(call.key.target) + " is not of this volume: it reads " + node.source;
}
}  // namespace

Open::Open(const Vms& vms, NodeSource& source, std::string backend) : vms_(vms), source_(source), backend_(std::move(backend)) {}

Attempt Open::raise(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind != Reach::Kind::Ready) return Waiting{reached.why, std::nullopt};
  auto attempt = open(call, *reached.vm);
  if (std::holds_alternative<Done>(attempt)) return Done{facts_of(call, reached.process)};
  // One without effect counts as down: a group without a node would be left for ever.
  if (auto* error = std::get_if<Error>(&attempt); error != nullptr && error->effect == Effect::None)
    if (!drop_unused_group(call, *reached.vm)) error->effect = Effect::Unknown;
  return attempt;
}

// QEMU reads it while it opens the image, and anybody may read it on QEMU's monitors as long as it is there. An opening whose answer
// did not come, or whose daemon was killed, left it.
Status Open::drop_secret(const Call& call, Vm& vm) {
  return ask_unless(Refusal::Gone, call, vm, "object-del", {{"id", secret_name(call.key.volume)}});
}

Status Open::drop_unused_group(const Call& call, Vm& vm) {
  TRY(drop_secret(call, vm));
  const std::string group = device_id(call.key.volume);
  const auto reply = ask(call, vm, "object-del", {{"id", group}});
  const Refusal refusal = reply ? Refusal::Gone : refusal_of("object-del", reply.error());
  if (refusal == Refusal::InUse) return Ok{};
  if (refusal != Refusal::Gone) return reply.error();
  vm.change_inventory([group](Inventory& changed) { changed.throttle_groups.erase(group); });
  return Ok{};
}

// The quick path asks nothing first: what we have read, our own commands and the events say that the node is not there.
Attempt Open::open(const Call& call, Vm& vm) {
  auto inventory = TRY(vm.inventory(Vm::kAnyAge, call.deadline, call.operation));
  if (inventory->nodes.contains(node_name(call.key.volume)) || inventory->is_migrating)
    inventory = TRY(vm.inventory(kProbeAge, call.deadline, call.operation));
  if (inventory->is_migrating) return for_migration(vm);
  if (inventory->nodes.contains(node_name(call.key.volume))) return adopt(call, vm, *inventory);

  const NodeRecipe recipe = TRY(source_.recipe(call));
  if (recipe.size_bytes < call.spec.size_bytes)
    return no_effect(Code::FailedPrecondition, "the image has " + std::to_string(recipe.size_bytes) + " bytes and should have " +
                                                   std::to_string(call.spec.size_bytes) + ": it was cut; give it its size back");
  TRY(add_group(call, vm, *inventory));
  const Status added = add_node(call, vm, recipe);
  if (added) return Done{};
  const Refusal refusal = refusal_of("blockdev-add", added.error());
  if (refusal == Refusal::Migrating) return for_migration(vm);
  if (refusal != Refusal::AlreadyThere) return to_error("blockdev-add", refusal, added.error());
  inventory = TRY(vm.inventory(Clock::duration::zero(), call.deadline, call.operation));
  return adopt(call, vm, *inventory);
}

// A node of our name is there: an earlier life of ours made it, or somebody is in the way.
Attempt Open::adopt(const Call& call, Vm& vm, const Inventory& inventory) {
  const auto found = inventory.nodes.find(node_name(call.key.volume));
  if (found == inventory.nodes.end()) return no_effect(Code::Unavailable, "the block node went while it was looked at");
  const BlockNode& node = found->second;
  if (node.is_known_by_name) return no_effect(Code::Unavailable, "its block node cannot be looked at. " + node.blind);
  if (!source_.is_of_volume(call, node.source).value_or(true)) return no_effect(Code::FailedPrecondition, in_the_way(call, node));
  if (node.is_read_only != is_read_only(call.spec))
    return no_effect(Code::FailedPrecondition, std::string("it is open ") + (node.is_read_only ? "read-only" : "for writing") +
                                                   "; detach it first, then attach it the other way");
  TRY(drop_secret(call, vm));
  if (node.size_bytes < call.spec.size_bytes) TRY(resize(call, vm));
  const auto group = inventory.throttle_groups.find(node.throttle_group);
  if (group != inventory.throttle_groups.end() && group->second != limits_of(call.spec)) TRY(set_limits(call, vm));
  return Done{};
}

Status Open::add_group(const Call& call, Vm& vm, const Inventory& inventory) {
  const std::string id = device_id(call.key.volume);
  const ThrottleLimits limits = limits_of(call.spec);
  const auto known = inventory.throttle_groups.find(id);
  if (known == inventory.throttle_groups.end()) {
    const auto reply = ask(call, vm, "object-add", throttle_group(call.key.volume, limits));
    if (reply) {
      vm.change_inventory([id, limits](Inventory& changed) { changed.throttle_groups[id] = limits; });
      return Ok{};
    }
    const Refusal refusal = refusal_of("object-add", reply.error());
    if (refusal != Refusal::AlreadyThere) return to_error("object-add", refusal, reply.error());
  } else if (known->second == limits) {
    return Ok{};
  }
  return set_limits(call, vm);
}

Status Open::set_limits(const Call& call, Vm& vm) {
  const std::string id = device_id(call.key.volume);
  const ThrottleLimits limits = limits_of(call.spec);
  auto reply = ask(call, vm, "qom-set", new_limits(call.key.volume, limits));
  if (!reply) return to_error("qom-set limits", refusal_of("qom-set", reply.error()), std::move(reply).error());
  vm.change_inventory([id, limits](Inventory& changed) { changed.throttle_groups[id] = limits; });
  return Ok{};
}

// The error is QEMU's own, not yet put into our words. Secrets are read by QEMU at open only and go at once, also after a failure.
Status Open::add_node(const Call& call, Vm& vm, const NodeRecipe& recipe) {
  for (const auto& object : recipe.objects_json) TRY(add_fresh_object(call, vm, Json::parse(object)));
  BlockNode node{.name = node_name(call.key.volume),
                 .throttle_group = device_id(call.key.volume),
                 .source = recipe.file_json,
                 .is_read_only = is_read_only(call.spec),
                 .size_bytes = recipe.size_bytes};
  const auto reply = ask(call, vm, "blockdev-add", throttled_node(call.key.volume, call.spec.access, recipe));
  for (const auto& object : recipe.objects_json)
    static_cast<void>(ask_unless(Refusal::Gone, call, vm, "object-del", {{"id", Json::parse(object).at("id")}}));
  if (!reply) return reply.error();
  vm.change_inventory([node](Inventory& changed) { changed.nodes.insert_or_assign(node.name, node); });
  return Ok{};
}

// QEMU would cut the image to what it is told, so it is told exactly what our own process sees there now.
Status Open::resize(const Call& call, Vm& vm) {
  const NodeRecipe recipe = TRY(source_.recipe(call));
  if (recipe.size_bytes != call.spec.size_bytes)
    return no_effect(Code::FailedPrecondition, "the image has " + std::to_string(recipe.size_bytes) + " bytes, not the " +
                                                   std::to_string(call.spec.size_bytes) + " wished: resize the volume first");
  const std::string name = node_name(call.key.volume);
  TRY(ask_unless(Refusal::None, call, vm, "block_resize", {{"node-name", name}, {"size", recipe.size_bytes}}));
  vm.change_inventory([name, size = recipe.size_bytes](Inventory& changed) {
    if (const auto node = changed.nodes.find(name); node != changed.nodes.end()) node->second.size_bytes = size;
  });
  return Ok{};
}

Attempt Open::lower(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return Done{};
  if (reached.kind == Reach::Kind::Uncertain) return Waiting{reached.why, std::nullopt};
  Vm& vm = *reached.vm;
  const std::string name = node_name(call.key.volume), group = device_id(call.key.volume);
  if (const auto answers = source_.answers(call.key.volume); !answers.ok())
    return Waiting{"QEMU would stand still while it closes the image: " + answers.error().message, Clock::now() + kLookAgain};
  auto reply = ask(call, vm, "blockdev-del", {{"node-name", name}});
  const Refusal refusal = reply ? Refusal::Gone : refusal_of("blockdev-del", reply.error());
  if (refusal == Refusal::InUse)
    return Waiting{"QEMU still uses the block node: its disk is not gone yet", Clock::now() + kProbeAge};
  if (refusal == Refusal::Migrating) return for_migration(vm);
  if (refusal != Refusal::Gone) return to_error("blockdev-del", refusal, std::move(reply).error());
  vm.change_inventory([name](Inventory& changed) { changed.nodes.erase(name); });
  vm.forget_io_errors(name);
  TRY(drop_secret(call, vm));
  TRY(ask_unless(Refusal::Gone, call, vm, "object-del", {{"id", group}}));
  vm.change_inventory([group](Inventory& changed) { changed.throttle_groups.erase(group); });
  return Done{};
}

Finding Open::probe(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return {Standing::Down, {}, reached.why};
  if (reached.kind == Reach::Kind::Uncertain) return {Standing::Unknown, {}, reached.why};
  const auto read = reached.vm->inventory(kProbeAge, call.deadline, call.operation);
  if (!read) return {Standing::Unknown, {}, read.error().message};
  const Inventory& inventory = **read;
  const auto group = inventory.throttle_groups.find(device_id(call.key.volume));
  const auto found = inventory.nodes.find(node_name(call.key.volume));
  const Facts facts = facts_of(call, reached.process);
  if (found == inventory.nodes.end()) {
    if (group == inventory.throttle_groups.end()) return {Standing::Down, {}, {}};
    return {Standing::Partial, facts, "its throttle group is there, its block node is not"};
  }
  const BlockNode& node = found->second;
  if (node.is_known_by_name) return {Standing::Up, facts, "its block node is there. " + node.blind};
  if (!source_.is_of_volume(call, node.source).value_or(true)) return {Standing::Foreign, {}, in_the_way(call, node)};
  if (node.is_read_only != is_read_only(call.spec))
    return {Standing::Stale, facts, node.is_read_only ? "it is read-only" : "it is writable"};
  if (node.size_bytes < call.spec.size_bytes)
    return {Standing::Stale, facts, "the VM sees " + std::to_string(node.size_bytes) + " bytes"};
  if (group != inventory.throttle_groups.end() && group->second != limits_of(call.spec))
    return {Standing::Stale, facts, "its limits are others"};
  const auto errors = reached.vm->io_errors_of(node.name);
  return {Standing::Up, facts, errors.empty() ? node.blind : errors};
}

std::vector<Found> Open::survey() {
  std::vector<Found> found;
  for (const auto& vm : vms_.all()) {
    const auto read = vm->inventory(kProbeAge, Clock::now() + kSurveyLimit, "survey");
    const auto process = vm->sight().process;
    if (!read || !process) continue;
    for (const auto& [id, limits] : (*read)->throttle_groups) {
      const auto volume = volume_of(id);
      if (!volume || backend_of(*volume) != backend_) continue;
      const std::string name = node_name(*volume);
      Facts facts{{"node", name}};
      put_facts(*process, facts);
      const std::string what = (*read)->nodes.contains(name) ? "block node " + name : "throttle group " + id;
      found.push_back({{*volume, vm->target()}, RungKind::Open, std::move(facts), what + " in VM " + vm->id()});
    }
  }
  return found;
}

}  // namespace blockplug
