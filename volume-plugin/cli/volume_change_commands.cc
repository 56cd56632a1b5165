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
                                            : volume.id() + (limits.empty() ? " is not limited" : " is limited to " + limits) + "\n");
  return Ok{};
}

// Who would be shut out, for one who has not said --yes.
Status tell(const Session& session, const v1::FenceVolumeRequest& request) {
  v1::GetVolumeRequest look;
  look.set_id(request.id());
  const auto volume = TRY(session.client.get_volume(look, session.limits()));
  std::string clients;
  for (const auto& holder : volume.holders()) clients += (clients.empty() ? "" : "; ") + holder_text(holder, session.console.now());
  for (const auto& watcher : volume.watchers()) clients += (clients.empty() ? "" : "; ") + ("who has it open at " + watcher);
  if (!request.whole_node().empty()) clients += (clients.empty() ? "" : "; ") + ("all clients at " + request.whole_node());
  return no_effect(Code::InvalidArgument,
                   "nothing was done. " + (clients.empty() ? "Nobody holds " + volume.id() + ": there is nobody to fence"
                                                           : "This shuts out of the storage, for good: " + clients +
                                                                 ". What they have not written is lost. Say --yes to do it"));
}

Status fence(const Session& session, const v1::FenceVolumeRequest& request, milliseconds timeout) {
  const auto response = TRY(session.client.fence_volume(request, {timeout, session.console.interrupted}));
  session.console.out << (session.is_json() ? fenced_json(request.id(), response) : fenced_text(request.id(), response));
  return Ok{};
}
}  // namespace

void add_modify_command(CLI::App& volume, Command& chosen) {
  struct Options {
    v1::ModifyVolumeRequest request;
    milliseconds timeout{kOrderTimeout};
  };
  auto* command = volume.add_subcommand("modify", "Limits what a volume may do, also while it is in use; what is not said stays");
  const auto options = std::make_shared<Options>();
  auto& request = options->request;
  add_volume_argument(*command, *request.mutable_id());
  add_iops_option(*command, [&request](std::int64_t iops) { request.set_iops(iops); });
  add_bytes_per_second_option(*command, [&request](std::int64_t bytes) { request.set_bytes_per_second(bytes); });
  add_timeout_option(*command, options->timeout);
  command->callback([&chosen, options] {
    const auto& it = options->request;
    if (!it.has_iops() && !it.has_bytes_per_second()) throw CLI::ValidationError("say what to change: --iops, --bytes-per-second");
    chosen = {Asked::Order, it.id(), [options](const Session& session) { return modify(session, options->request, options->timeout); }};
  });
}

void add_fence_command(CLI::App& volume, Command& chosen) {
  struct Options {
    v1::FenceVolumeRequest request;
    bool is_meant{};
    milliseconds timeout{kOrderTimeout};
  };
  auto* command = volume.add_subcommand(
      "fence", "Shuts whoever holds a volume on another node out of the storage, for good, and frees it; without --yes it only tells");
  const auto options = std::make_shared<Options>();
  auto& request = options->request;
  add_volume_argument(*command, *request.mutable_id());
  command
      ->add_option("--whole-node", *request.mutable_whole_node(),
                   "the node's address in the storage network: all of its clients, needed where the holder's is not known")
      ->type_name("IP");
  command->add_flag_callback(
      "--yes", [options = options.get()] { options->is_meant = true; }, "do it");
  add_timeout_option(*command, options->timeout);
  command->callback([&chosen, options] {
    const auto run = [options](const Session& session) {
      if (!options->is_meant) return tell(session, options->request);
      return fence(session, options->request, options->timeout);
    };
    chosen = {options->is_meant ? Asked::Order : Asked::Look, options->request.id(), run};
  });
}

}  // namespace blockplug::cli
