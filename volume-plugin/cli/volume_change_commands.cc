// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/volume_change_commands.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/arguments.h"
#include "volume-plugin/cli/follow.h"
#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/volume_text.h"

namespace blockplug::cli {
namespace {
using std::chrono::milliseconds;
constexpr std::chrono::seconds kOrderTimeout{60};

Result<v1::Volume> modify_and_follow(const Session& session, const v1::ModifyVolumeRequest& request, milliseconds timeout) {
  const Follow follow(session, request.id());
  return session.client.modify_volume(request, {timeout, session.console.interrupted});
}

Status modify(const Session& session, const v1::ModifyVolumeRequest& request, milliseconds timeout) {
  const auto volume = TRY(modify_and_follow(session, request, timeout));
  const auto limits = limits_text(volume);
  session.console.out << (session.is_json() ? volume_json(volume)
                                            : volume.id() + (limits.empty() ? " is not limited" : " is limited to " + limits) +
                                                  elsewhere_text(volume) + "\n");
  return Ok{};
}

// Without --yes: which clients a fence would blocklist.
Status ask_for_confirmation(const Session& session, const v1::FenceVolumeRequest& request) {
  v1::GetVolumeRequest look;
  look.set_id(request.id());
  const auto volume = TRY(session.client.get_volume(look, session.limits()));
  std::string clients;
  for (const auto& holder : volume.holders())
    if (request.node().empty() || holder.node() == request.node())
      clients += (clients.empty() ? "" : "; ") + holder_text(holder, session.console.now());
  for (const auto& watcher : volume.watchers()) clients += (clients.empty() ? "" : "; ") + ("an unknown client at " + watcher);
  if (!request.whole_node().empty()) clients += (clients.empty() ? "" : "; ") + ("all clients at " + request.whole_node());
  return no_effect(
      Code::InvalidArgument,
      "not confirmed, nothing was changed. " +
          (clients.empty() ? volume.id() + (request.node().empty() ? " has no holder" : " is not held by node " + request.node()) +
                                 ": there is nothing to fence"
                           : "This would permanently blocklist: " + clients +
                                 ". Data that they have not written is lost. Re-run with --yes to proceed"));
}

Status fence(const Session& session, const v1::FenceVolumeRequest& request, milliseconds timeout) {
  const auto response = TRY(session.client.fence_volume(request, {timeout, session.console.interrupted}));
  session.console.out << (session.is_json() ? fenced_json(request.id(), response) : fenced_text(request.id(), response));
  return Ok{};
}

// Some may have begun: the exit code says so, whatever else was cancelled.
Status cancel(const Session& session, const v1::CancelOrdersRequest& request) {
  const auto response = TRY(session.client.cancel_orders(request, session.limits()));
  session.console.out << (session.is_json() ? cancelled_json(request.id(), response) : cancelled_text(request.id(), response));
  if (response.begun().empty()) return Ok{};
  std::string begun;
  for (const auto& order : response.begun()) begun += (begun.empty() ? "" : ", ") + order;
  return no_effect(Code::FailedPrecondition, begun +
                                                 " cannot be cancelled any more: it is running, or an attempt may have changed "
                                                 "something. For its progress run: blockplug queue");
}
}  // namespace

void add_modify_command(CLI::App& volume, Command& chosen) {
  struct Options {
    v1::ModifyVolumeRequest request;
    milliseconds timeout{kOrderTimeout};
  };
  auto* command = volume.add_subcommand(
      "modify", "Changes a volume's limits, also while it is in use; a limit that is not given stays as it is");
  const auto options = std::make_shared<Options>();
  auto& request = options->request;
  add_volume_argument(*command, *request.mutable_id());
  add_iops_option(*command, [&request](std::int64_t iops) { request.set_iops(iops); });
  add_bytes_per_second_option(*command, [&request](std::int64_t bytes) { request.set_bytes_per_second(bytes); });
  add_timeout_option(*command, options->timeout);
  command->callback([&chosen, options] {
    const auto& it = options->request;
    if (!it.has_iops() && !it.has_bytes_per_second())
      throw CLI::ValidationError("nothing to change: give --iops or --bytes-per-second");
    chosen = {Asked::Order, it.id(),
              [options](const Session& session) { return modify(session, options->request, options->timeout); }};
  });
}

void add_fence_command(CLI::App& volume, Command& chosen) {
  struct Options {
    v1::FenceVolumeRequest request;
    bool is_confirmed{};
    milliseconds timeout{kOrderTimeout};
  };
  auto* command = volume.add_subcommand(
      "fence",
      "Permanently blocklists the clients that hold a volume on another node, and frees it; without --yes it only shows them");
  const auto options = std::make_shared<Options>();
  auto& request = options->request;
  add_volume_argument(*command, *request.mutable_id());
  command
      ->add_option(
          "--whole-node", *request.mutable_whole_node(),
          "the node's address in the storage network: blocklists all clients there; needed where the holder's client is unknown")
      ->type_name("IP");
  command->add_option("--node", *request.mutable_node(), "only what this node has; other nodes that read the volume keep it")
      ->type_name("NODE");
  command->add_flag_callback(
      "--yes", [options = options.get()] { options->is_confirmed = true; }, "proceed");
  add_timeout_option(*command, options->timeout);
  command->callback([&chosen, options] {
    const auto run = [options](const Session& session) {
      if (!options->is_confirmed) return ask_for_confirmation(session, options->request);
      return fence(session, options->request, options->timeout);
    };
    chosen = {options->is_confirmed ? Asked::Order : Asked::Look, options->request.id(), run};
  });
}

void add_cancel_command(CLI::App& volume, Command& chosen) {
  auto* command = volume.add_subcommand(
      "cancel", "Cancels a volume's orders (see `blockplug queue`) of which no attempt can have changed anything yet");
  const auto request = std::make_shared<v1::CancelOrdersRequest>();
  add_volume_argument(*command, *request->mutable_id());
  command->callback([&chosen, request] {
    chosen = {Asked::Order, request->id(), [request](const Session& session) { return cancel(session, *request); }};
  });
}

}  // namespace blockplug::cli
