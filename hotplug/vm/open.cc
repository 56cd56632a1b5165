// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/open.h"

#include <nlohmann/json.hpp>

#include "attach-detach/roles.h"
#include "hotplug/rungs.h"
#include "hotplug/vm/block_graph.h"
#include "hotplug/vm/descriptor_set.h"
#include "hotplug/vm/names.h"
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
  Facts facts{{roles::kNodeName, node_name(call.key.volume)}};
  put_facts(process, facts);
  return facts;
}

Waiting for_migration(const Vm& vm) {
  return {"VM " + vm.id() + " is migrating; Blockplug waits until that has ended", Clock::now() + kLookAgain};
}

Result<Json> ask(const Call& call, Vm& vm, std::string_view command, const Json& arguments) {
  return vm.execute(command, arguments, call.deadline, call.operation);
}

Status order(const Call& call, Vm& vm, std::string_view command, const Json& arguments) {
  auto reply = ask(call, vm, command, arguments);
  if (reply) return Ok{};
  const Refusal refusal = refusal_of(command, reply.error());
  return to_error(command, refusal, std::move(reply).error());
}

// What is gone already is fine.
Status remove_object(const Call& call, Vm& vm, const std::string& id) {
  auto reply = ask(call, vm, "object-del", {{"id", id}});
  const Refusal refusal = reply ? Refusal::Gone : refusal_of("object-del", reply.error());
  if (refusal == Refusal::Gone) return Ok{};
  return to_error("object-del", refusal, std::move(reply).error());
}

std::string in_the_way(const Call& call, const BlockNode& node) {
  return "block node " + node.name + " in VM " + vm_of(call.key.target) + " belongs to another volume: it reads " + node.source;
}

Status add_fresh_object(const Call& call, Vm& vm, const Json& object);
Waiting still_used(const Call& call, Vm& vm, const std::string& node);
Error with_user(const Vm& vm, Error error);
}  // namespace

Open::Open(const Vms& vms, NodeSource& source, std::string backend) : vms_(vms), source_(source), backend_(std::move(backend)) {}

Attempt Open::raise(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind != Reach::Kind::Ready) return Waiting{reached.why, std::nullopt};
  auto attempt = open(call, *reached.vm);
  if (std::holds_alternative<Done>(attempt)) return Done{facts_of(call, reached.process)};
  // An error without effect counts as down, so a group without a node would stay forever.
  if (auto* error = std::get_if<Error>(&attempt); error != nullptr && error->effect == Effect::None)
    if (!drop_unused_group(call, *reached.vm)) error->effect = Effect::Unknown;
  return attempt;
}

// The quick path needs no query: by the inventory, which our commands and the events keep up to date, the node does not exist.
Attempt Open::open(const Call& call, Vm& vm) {
  auto inventory = TRY(vm.inventory(Vm::kAnyAge, call.deadline, call.operation));
  if (inventory->nodes.contains(node_name(call.key.volume)) || inventory->is_migrating)
    inventory = TRY(vm.inventory(kProbeAge, call.deadline, call.operation));
  if (inventory->is_migrating) return for_migration(vm);
  if (inventory->nodes.contains(node_name(call.key.volume))) return adopt(call, vm, *inventory);

  const NodeRecipe recipe = TRY(source_.recipe(call));
  if (recipe.size_bytes < call.spec.size_bytes)
    return no_effect(Code::FailedPrecondition, "the image has " + std::to_string(recipe.size_bytes) + " bytes, expected " +
                                                   std::to_string(call.spec.size_bytes) + ": it was truncated; restore its size");
  TRY(add_group(call, vm, *inventory));
  const Status added = add_node(call, vm, recipe);
  if (added) return Done{};
  const Refusal refusal = refusal_of("blockdev-add", added.error());
  if (refusal == Refusal::Migrating) return for_migration(vm);
  if (refusal != Refusal::AlreadyThere) return with_user(vm, to_error("blockdev-add", refusal, added.error()));
  inventory = TRY(vm.inventory(Clock::duration::zero(), call.deadline, call.operation));
  return adopt(call, vm, *inventory);
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

// The error is QEMU's own, not yet converted. QEMU needs secrets only to open; they are removed at once, also after a failure.
Status Open::add_node(const Call& call, Vm& vm, const NodeRecipe& recipe) {
  for (const auto& object : recipe.objects_json) TRY(add_fresh_object(call, vm, Json::parse(object)));
  TRY(pass_descriptor(call, vm, recipe));
  BlockNode node{.name = node_name(call.key.volume),
                 .throttle_group = device_id(call.key.volume),
                 .source = recipe.file_json,
                 .is_read_only = is_read_only(call.spec),
                 .size_bytes = recipe.size_bytes};
  const auto reply = ask(call, vm, "blockdev-add", throttled_node(call.key.volume, call.spec.access, recipe));
  Status removed = Ok{};
  for (const auto& object : recipe.objects_json)
    if (auto gone = remove_object(call, vm, Json::parse(object).at("id")); !gone) removed = std::move(gone).error();
  if (!reply) return reply.error();
  vm.change_inventory([node](Inventory& changed) { changed.nodes.insert_or_assign(node.name, node); });
  if (!removed)
    return maybe_effect(Code::Unavailable, "the node is open, but its key is still in QEMU: " + removed.error().message);
  return Ok{};
}

Status Open::pass_descriptor(const Call& call, Vm& vm, const NodeRecipe& recipe) {
  if (!recipe.file.is_open()) return Ok{};
  const Json set{{"fdset-id", recipe.descriptor_set}, {"opaque", text_of_set(call.key.volume)}};
  auto passed = vm.execute("add-fd", set, call.deadline, call.operation, recipe.file.get());
  if (passed) return Ok{};
  const Refusal refusal = refusal_of("add-fd", passed.error());
  auto error = to_error("add-fd", refusal, std::move(passed).error());
  if (refusal != Refusal::NoRoom) return error;
  return within("QEMU did not receive the file: it has too many open files, or its monitor is behind a proxy", std::move(error));
}

// A node of our name exists: an earlier run of the daemon made it, or another client.
Attempt Open::adopt(const Call& call, Vm& vm, const Inventory& inventory) {
  const auto found = inventory.nodes.find(node_name(call.key.volume));
  if (found == inventory.nodes.end()) return no_effect(Code::Unavailable, "the block node disappeared while it was examined");
  const BlockNode& node = found->second;
  if (node.is_known_by_name) return no_effect(Code::Unavailable, "its block node cannot be examined. " + node.blind);
  if (!source_.is_of_volume(call, node.source).value_or(true)) return no_effect(Code::FailedPrecondition, in_the_way(call, node));
  if (node.is_read_only != is_read_only(call.spec))
    return no_effect(Code::FailedPrecondition, std::string("it is open ") + (node.is_read_only ? "read-only" : "for writing") +
                                                   "; detach it first, then attach it with the new access mode");
  TRY(drop_secret(call, vm));
  if (node.size_bytes < call.spec.size_bytes) {
    const auto disk = inventory.disks.find(device_id(call.key.volume));
    if (vm.unplug_of(device_id(call.key.volume)))  // QEMU 7.2 crashes if its node grows in that moment
      return Waiting{"the disk is being unplugged in VM " + vm.id() + "; its block node is grown after that",
                     Clock::now() + kLookAgain};
    if (disk != inventory.disks.end() && disk->second.has_job)
      return Waiting{disk->second.between + " runs on it in VM " + vm.id() + "; it is grown when that has ended",
                     Clock::now() + kLookAgain};
    TRY(resize(call, vm));
  }
  const auto group = inventory.throttle_groups.find(node.throttle_group);
  if (group != inventory.throttle_groups.end() && group->second != limits_of(call.spec)) {
    // First, although a TRIM then waits for a moment where the limit goes away: the limits say whether all of it was done.
    if (passes_trim(group->second) != passes_trim(limits_of(call.spec))) TRY(let_trim_pass(call, vm));
    TRY(set_limits(call, vm));
  }
  return Done{};
}

// QEMU would truncate the image to a smaller size, so it gets exactly the size that this process has just read.
Status Open::resize(const Call& call, Vm& vm) {
  const NodeRecipe recipe = TRY(source_.recipe(call));
  if (recipe.size_bytes != call.spec.size_bytes)
    return no_effect(Code::FailedPrecondition, "the image has " + std::to_string(recipe.size_bytes) + " bytes, desired: " +
                                                   std::to_string(call.spec.size_bytes) + "; resize the volume first");
  const std::string name = node_name(call.key.volume);
  TRY(order(call, vm, "block_resize", {{"node-name", name}, {"size", recipe.size_bytes}}));
  vm.change_inventory([name, size = recipe.size_bytes](Inventory& changed) {
    if (const auto node = changed.nodes.find(name); node != changed.nodes.end()) node->second.size_bytes = size;
  });
  return Ok{};
}

// Or not, below the new limits: a TRIM of a moment ago must not stop the disk.
Status Open::let_trim_pass(const Call& call, Vm& vm) {
  const auto below = node_below(TRY(ask(call, vm, "query-blockstats", {{"query-nodes", true}})), call.key.volume);
  if (below.empty())
    return no_effect(Code::Unavailable, "QEMU does not say what is below block node " + node_name(call.key.volume));
  return order(call, vm, "blockdev-reopen", reopened_node(call.key.volume, call.spec.access, limits_of(call.spec), below));
}

Status Open::set_limits(const Call& call, Vm& vm) {
  const std::string id = device_id(call.key.volume);
  const ThrottleLimits limits = limits_of(call.spec);
  TRY(order(call, vm, "qom-set", new_limits(call.key.volume, limits)));
  vm.change_inventory([id, limits](Inventory& changed) { changed.throttle_groups[id] = limits; });
  return Ok{};
}

Attempt Open::lower(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return Done{};
  if (reached.kind == Reach::Kind::Uncertain) return Waiting{reached.why, std::nullopt};
  Vm& vm = *reached.vm;
  const std::string name = node_name(call.key.volume), group = device_id(call.key.volume);
  if (const auto answers = source_.answers(call); !answers.ok())
    return Waiting{"QEMU would block while closing the image: " + answers.error().message, Clock::now() + kLookAgain};
  auto reply = ask(call, vm, "blockdev-del", {{"node-name", name}});
  const Refusal refusal = reply ? Refusal::Gone : refusal_of("blockdev-del", reply.error());
  if (refusal == Refusal::InUse) return still_used(call, vm, name);
  if (refusal == Refusal::Migrating) return for_migration(vm);
  if (refusal != Refusal::Gone) return to_error("blockdev-del", refusal, std::move(reply).error());
  vm.change_inventory([name](Inventory& changed) { changed.nodes.erase(name); });
  vm.forget_io_errors(name);
  TRY(drop_leftovers(call, vm));
  TRY(remove_object(call, vm, group));
  vm.change_inventory([group](Inventory& changed) { changed.throttle_groups.erase(group); });
  return Done{};
}

Status Open::drop_unused_group(const Call& call, Vm& vm) {
  TRY(drop_leftovers(call, vm));
  const std::string group = device_id(call.key.volume);
  const auto reply = ask(call, vm, "object-del", {{"id", group}});
  const Refusal refusal = reply ? Refusal::Gone : refusal_of("object-del", reply.error());
  if (refusal == Refusal::InUse) return Ok{};
  if (refusal != Refusal::Gone) return reply.error();
  vm.change_inventory([group](Inventory& changed) { changed.throttle_groups.erase(group); });
  return Ok{};
}

Status Open::drop_leftovers(const Call& call, Vm& vm) {
  return source_.passes_descriptors() ? drop_descriptors(call, vm) : drop_secret(call, vm);
}

// Of this volume, and of others whose node is gone: a paused QEMU keeps a removed descriptor until the next removal.
Status Open::drop_descriptors(const Call& call, Vm& vm) {
  const auto known = vm.sight().inventory;
  for (const auto& [number, volume] : our_sets(TRY(ask(call, vm, "query-fdsets", Json::object())))) {
    if (volume != call.key.volume && (!known || known->nodes.contains(node_name(volume)))) continue;
    auto removed = ask(call, vm, "remove-fd", {{"fdset-id", number}});
    const Refusal refusal = removed ? Refusal::Gone : refusal_of("remove-fd", removed.error());
    if (refusal != Refusal::Gone) return to_error("remove-fd", refusal, std::move(removed).error());
  }
  return Ok{};
}

// QEMU needs the secret only to open the image, and every client of QEMU's monitors can read it. It is left behind when an open was
// not answered, or the daemon was killed.
Status Open::drop_secret(const Call& call, Vm& vm) {
  return source_.passes_descriptors() ? Ok{} : remove_object(call, vm, secret_name(call.key.volume));
}

Finding Open::probe(const Call& call) {
  const Reach reached = reach(vms_, call);
  if (reached.kind == Reach::Kind::Absent) return {Standing::Down, {}, reached.why};
  if (reached.kind == Reach::Kind::Uncertain) return {Standing::Unknown, {}, reached.why};
  const auto read = reached.vm->inventory_since(call.doubted_at, call.deadline, call.operation);
  if (!read) return {Standing::Unknown, {}, read.error().message};
  const Inventory& inventory = **read;
  const auto group = inventory.throttle_groups.find(device_id(call.key.volume));
  const auto found = inventory.nodes.find(node_name(call.key.volume));
  const Facts facts = facts_of(call, reached.process);
  if (found == inventory.nodes.end()) {
    if (group == inventory.throttle_groups.end()) return {Standing::Down, {}, {}};
    return {Standing::Partial, facts, "its throttle group exists, but its block node does not"};
  }
  const BlockNode& node = found->second;
  if (node.is_known_by_name) return {Standing::Up, facts, "its block node exists. " + node.blind};
  if (!source_.is_of_volume(call, node.source).value_or(true)) return {Standing::Foreign, {}, in_the_way(call, node)};
  if (node.is_read_only != is_read_only(call.spec))
    return {Standing::Stale, facts,
            node.is_read_only ? "it is read-only, desired: read-write" : "it is writable, desired: read-only"};
  if (node.size_bytes < call.spec.size_bytes)
    return {Standing::Stale, facts,
            "the VM sees " + std::to_string(node.size_bytes) + " bytes, desired: " + std::to_string(call.spec.size_bytes)};
  if (group != inventory.throttle_groups.end() && group->second != limits_of(call.spec))
    return {Standing::Stale, facts, "its limits differ"};
  const auto errors = reached.vm->io_errors_of(node.name);
  return {Standing::Up, facts, errors.empty() ? node.blind : errors};
}

Survey Open::survey(Time deadline) {
  Survey found;
  for (const auto& vm : vms_.all()) {
    const auto read = vm->inventory(Vm::kSurveyAge, std::min(deadline, Clock::now() + kSurveyLimit), "survey");
    const auto process = vm->sight().process;
    found.is_partial = found.is_partial || (!read && (process || !vm->sight().others.empty()));
    if (!read || !process) continue;
    for (const auto& [id, limits] : (*read)->throttle_groups) {
      const auto volume = volume_of(id);
      if (!volume || backend_of(*volume) != backend_) continue;
      const std::string name = node_name(*volume);
      Facts facts{{roles::kNodeName, name}};
      put_facts(*process, facts);
      const std::string what = (*read)->nodes.contains(name) ? "block node " + name : "throttle group " + id;
      found.push_back({{*volume, vm->target()}, rungs::kOpen, std::move(facts), what + " in VM " + vm->id()});
    }
  }
  return found;
}

namespace {

// An object of this name left by a crash may hold an old key: it is recreated.
Status add_fresh_object(const Call& call, Vm& vm, const Json& object) {
  auto reply = ask(call, vm, "object-add", object);
  if (!reply && refusal_of("object-add", reply.error()) == Refusal::AlreadyThere) {
    TRY(remove_object(call, vm, object.at("id")));
    reply = ask(call, vm, "object-add", object);
  }
  if (reply) return Ok{};
  const Refusal refusal = refusal_of("object-add", reply.error());
  return to_error("object-add", refusal, std::move(reply).error());
}

// QEMU names what it cannot read, but not as whom. librados calls a configuration that it may not read missing.
Error with_user(const Vm& vm, Error error) {
  const auto process = vm.sight().process;
  const auto says = [&](const char* text) { return error.message.find(text) != std::string::npos; };
  if (!process || !(says("Permission denied") || says("error reading conf file"))) return error;
  error.code = Code::PermissionDenied;
  error.message += "; QEMU runs as " + user_of(*process) + ", who needs access to it";
  return error;
}

// Usually the disk itself, for a moment; else something that somebody put there.
Waiting still_used(const Call& call, Vm& vm, const std::string& node) {
  const auto graph =
      read_block_graph([&](std::string_view command, const Json& arguments) { return ask(call, vm, command, arguments); });
  const auto users = graph && *graph ? (*graph)->users_of(node) : std::string{};
  return {"QEMU still uses the block node" + (users.empty() ? ": its disk is not unplugged yet" : ", by " + users),
          Clock::now() + kProbeAge};
}

}  // namespace

}  // namespace blockplug
