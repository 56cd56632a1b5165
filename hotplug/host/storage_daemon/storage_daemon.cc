// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/storage_daemon/storage_daemon.h"

#include <poll.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "hotplug/host/storage_daemon/fuse_loop.h"
#include "hotplug/vm/inventory_reader.h"
#include "hotplug/vm/names.h"
#include "hotplug/vm/refusal.h"
#include "hotplug/vm/throttled_node.h"

namespace blockplug::fuse {
namespace {
using Json = nlohmann::json;
using Kind = StorageDaemon::Reached::Kind;

constexpr std::chrono::seconds kGreetingLimit{2};
constexpr std::chrono::seconds kAnswerLimit{30};  // the longest is blockdev-add, which connects to the storage
constexpr const char* kExport = "bp";

std::string silent(const ProcessId& process) {
  const auto pid = std::to_string(process.pid);
  return "its storage daemon (process " + pid +
         ") does not answer: it is waiting for the storage, or was stopped (in that case run `kill -CONT " + pid + "`)";
}

Error ended(const std::string& why) { return maybe_effect(Code::Unavailable, "its storage daemon ended during a command: " + why); }

// A reply that does not match QEMU's schema is an error, never an exception.
template <typename Read>
auto reading(Read read) -> decltype(read()) try {
  return read();
} catch (const Json::exception& error) {
  return no_effect(Code::Internal, std::string("the storage daemon's reply does not match QEMU's schema: ") + error.what());
}
}  // namespace

StorageDaemon::Reached StorageDaemon::reach(const FuseHome& home, const std::optional<ProcessId>& recorded, Time deadline) {
  auto client = qmp::Client::connect(home.socket(), {}, std::min(deadline, Clock::now() + kGreetingLimit));
  if (client.ok()) {
    auto process = identify_process((*client)->peer().pid);
    if (!process) return {Kind::Gone, "its storage daemon has just ended", nullptr};
    if (const auto noted = home.remember(*process); !noted.ok()) return {Kind::Silent, noted.error().message, nullptr};
    return {Kind::Here, {}, std::unique_ptr<StorageDaemon>(new StorageDaemon(std::move(*client), std::move(*process)))};
  }
  auto living = home.living();
  if (!living && recorded && !is_proven_dead(*recorded)) living = recorded;
  const bool is_listening = is_listened_on(home.socket());
  if (living && is_listening) return {Kind::Silent, silent(*living), nullptr};
  if (living) {
    const auto pid = std::to_string(living->pid);
    return {Kind::Silent,
            "its storage daemon (process " + pid + ") no longer listens at " + home.socket().native() +
                ": it is ending, or its socket was removed (in that case run `kill " + pid + "`)",
            nullptr};
  }
  if (is_listening) return {Kind::Silent, "its storage daemon does not answer: " + client.error().message, nullptr};
  return {Kind::Gone, "its storage daemon has ended", nullptr};
}

Result<StorageDaemon::State> StorageDaemon::state(const Call& call, Detail detail) {
  State state;
  state.has_export = TRY(has_export(call));
  const auto nodes = TRY(named_nodes(call, detail));
  auto objects = ask(call, "qom-list", {{"path", "/objects"}});
  if (!objects.ok() && objects.error().code != Code::NotFound) return objects.error();  // NotFound: no object was ever added
  const auto group = device_id(call.key.volume);
  bool has_group = false;
  auto read = reading([&]() -> Status {
    for (const auto& entry : nodes)
      if (auto node = parse_node(entry); node.name == node_name(call.key.volume)) {
        node.is_known_by_name = !entry.contains("image");
        state.node = std::move(node);
      }
    for (const auto& object : objects.ok() ? *objects : Json::array()) {
      if (object.at("type") == "child<secret>") state.secrets.push_back(object.at("name"));
      has_group = has_group || object.at("name") == group;
    }
    return Ok{};
  });
  TRY(std::move(read));
  if (has_group) state.limits = parse_limits(TRY(ask(call, "qom-get", {{"path", "/objects/" + group}, {"property", "limits"}})));
  return state;
}

Status StorageDaemon::set_limits(const Call& call, const State& state, const ThrottleLimits& wanted) {
  if (state.limits == wanted) return Ok{};
  if (!state.limits) return tell(call, "object-add", throttle_group(call.key.volume, wanted));
  const bool has_node = state.node.has_value();
  if (has_node && !passes_trim(wanted)) TRY(put_trim(call, wanted));  // before the limit: a TRIM that waits for it stops the disk
  TRY(tell(call, "qom-set", new_limits(call.key.volume, wanted)));
  return has_node && passes_trim(wanted) ? put_trim(call, wanted) : Status{Ok{}};
}

// As the limits want it.
Status StorageDaemon::put_trim(const Call& call, const ThrottleLimits& limits) {
  const auto below = node_below(TRY(ask(call, "query-blockstats", {{"query-nodes", true}})), call.key.volume);
  if (below.empty())
    return no_effect(Code::Unavailable, "its storage daemon has no node " + node_name(call.key.volume) + " any more");
  return tell(call, "blockdev-reopen", reopened_node(call.key.volume, call.spec.access, limits, below));
}

Status StorageDaemon::forget_secrets(const Call& call, const State& state) {
  for (const auto& secret : state.secrets) TRY(tell(call, "object-del", {{"id", secret}}));
  return Ok{};
}

// The secret is needed only for the open; it is removed at once, also after a failure.
Status StorageDaemon::add_node(const Call& call, const NodeRecipe& recipe) {
  for (const auto& object : recipe.objects_json) TRY(tell(call, "object-add", Json::parse(object)));
  auto added = tell(call, "blockdev-add", throttled_node(call.key.volume, call.spec.access, recipe));
  Status forgotten = Ok{};
  for (const auto& object : recipe.objects_json)
    if (auto gone = tell(call, "object-del", {{"id", Json::parse(object).at("id")}}); !gone.ok()) forgotten = std::move(gone);
  if (added.ok()) return forgotten;
  if (!recipe.driver_package.empty() && added.error().message.find("driver") != std::string::npos)
    added.error().message += ": QEMU's driver for this storage is missing, install " + recipe.driver_package;
  return added;
}

Status StorageDaemon::resize(const Call& call, std::int64_t size_bytes) {
  return tell(call, "block_resize", {{"node-name", node_name(call.key.volume)}, {"size", size_bytes}});
}

Status StorageDaemon::add_export(const Call& call, const std::filesystem::path& file) {
  return tell(call, "block-export-add",
              {{"type", "fuse"},
               {"id", kExport},
               {"node-name", node_name(call.key.volume)},
               {"mountpoint", file.native()},
               {"writable", call.spec.access == Access::ReadWrite},
               {"growable", false},
               {"allow-other", "off"}});
}

// The reply only confirms the request. Waits while the node is still being written.
Status StorageDaemon::remove_export(const Call& call) {
  if (!TRY(has_export(call))) return Ok{};
  TRY(tell(call, "block-export-del", {{"id", kExport}}));
  const auto until = std::min(call.deadline, Clock::now() + kAnswerLimit);
  while (TRY(has_export(call))) {
    if (Clock::now() > until)
      return maybe_effect(Code::DeadlineExceeded, "its storage daemon has not finished removing the export");
    ::poll(nullptr, 0, 10);
  }
  return Ok{};
}

Status StorageDaemon::remove_node(const Call& call) {
  TRY(tell(call, "blockdev-del", {{"node-name", node_name(call.key.volume)}}));
  return tell(call, "object-del", {{"id", device_id(call.key.volume)}});
}

// It may end before it replies.
Status StorageDaemon::quit(const Call& call) {
  auto told = tell(call, "quit", Json::object());
  return client_->is_closed() ? Status{Ok{}} : std::move(told);
}

// If the image cannot be read (its client was fenced), list the nodes by their statistics.
Result<Json> StorageDaemon::named_nodes(const Call& call, Detail detail) {
  if (detail == Detail::Whole) {
    auto nodes = ask(call, "query-named-block-nodes", {{"flat", true}});
    if (nodes.ok() || nodes.error().code != Code::FailedPrecondition) return nodes;
  }
  return ask(call, "query-blockstats", {{"query-nodes", true}});
}

Result<bool> StorageDaemon::has_export(const Call& call) {
  const auto exports = TRY(ask(call, "query-block-exports", Json::object()));
  return reading([&]() -> Result<bool> {
    return std::any_of(exports.begin(), exports.end(), [](const Json& each) { return each.at("id") == kExport; });
  });
}

// Succeeds if it is already so.
Status StorageDaemon::tell(const Call& call, std::string_view command, const Json& arguments) {
  auto reply = ask(call, command, arguments);
  if (reply.ok()) return Ok{};
  const auto refusal = refusal_of(command, reply.error());
  if (refusal == Refusal::Gone) return Ok{};
  return to_error(command, refusal, std::move(reply).error());
}

Result<Json> StorageDaemon::ask(const Call& call, std::string_view command, const Json& arguments) {
  auto reply = client_->execute(command, arguments, std::min(call.deadline, Clock::now() + kAnswerLimit), call.operation);
  if (!reply.ok() && reply.error().code == Code::DeadlineExceeded) reply.error().message = silent(process_);
  if (!reply.ok() && client_->is_closed() && is_proven_dead(process_)) return ended(reply.error().message);
  return reply;
}

}  // namespace blockplug::fuse
