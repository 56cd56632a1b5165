// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/volume_commands.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/arguments.h"
#include "volume-plugin/cli/follow.h"
#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/volume_change_commands.h"
#include "volume-plugin/cli/volume_text.h"
#include "volume-plugin/size.h"

namespace blockplug::cli {
namespace {
using std::chrono::milliseconds;
constexpr std::chrono::seconds kOrderTimeout{60};

Status create(const Session& session, const v1::CreateVolumeRequest& request, milliseconds timeout) {
  const auto volume = TRY(session.client.create_volume(request, {timeout, session.console.interrupted}));
  session.console.out << (session.is_json() ? volume_json(volume) : volume.id() + "\n");
  if (request.size_bytes() != 0 && volume.size_bytes() > request.size_bytes())
    session.console.err << "its size is " << format_size(volume.size_bytes()) << ": backend '" << volume.backend()
                        << "' only has volumes of such sizes\n";
  return Ok{};
}

Status list(const Session& session) {
  const auto response = TRY(session.client.list_volumes({}, session.limits()));
  if (session.is_json()) {
    session.console.out << volumes_json(response);
  } else if (response.problems().empty()) {
    print_list(session, volumes_text(response, session.console.now()), "no volumes");
  } else {
    session.console.out << volumes_text(response, session.console.now());
  }
  if (response.problems().empty()) return Ok{};
  std::string problems;
  for (const auto& problem : response.problems()) problems += (problems.empty() ? "" : "; ") + problem;
  return maybe_effect(Code::Unavailable, "the list is incomplete: " + problems);
}

Status show(const Session& session, const v1::GetVolumeRequest& request) {
  const auto volume = TRY(session.client.get_volume(request, session.limits()));
  session.console.out << (session.is_json() ? volume_json(volume) : volume_text(volume, session.console.now()));
  return Ok{};
}

Result<v1::Volume> expand_and_follow(const Session& session, const v1::ExpandVolumeRequest& request, milliseconds timeout) {
  const Follow follow(session, request.id());
  return session.client.expand_volume(request, {timeout, session.console.interrupted});
}

Status expand(const Session& session, const v1::ExpandVolumeRequest& request, milliseconds timeout) {
  const auto volume = TRY(expand_and_follow(session, request, timeout));
  session.console.out << (session.is_json()
                              ? volume_json(volume)
                              : volume.id() + " is now " + format_size(volume.size_bytes()) + elsewhere_text(volume) + "\n");
  return Ok{};
}

Status remove(const Session& session, const v1::DeleteVolumeRequest& request, milliseconds timeout) {
  TRY(session.client.delete_volume(request, {timeout, session.console.interrupted}));
  session.console.out << (session.is_json() ? deleted_json(request.id()) : request.id() + " is deleted\n");
  return Ok{};
}

void add_create(CLI::App& volume, Command& chosen) {
  struct Options {
    v1::CreateVolumeRequest request;
    std::int64_t size_bytes{};
    milliseconds timeout{kOrderTimeout};
  };
  auto* command = volume.add_subcommand("create", "Creates a volume and prints its id; succeeds if an identical one exists");
  const auto options = std::make_shared<Options>();
  auto& request = options->request;
  command->add_option("NAME", *request.mutable_name(), "the volume's name in the backend")->required();
  add_size_option(*command, options->size_bytes, "the size, such as 1GiB [with --from: the size of the source]")->required(false);
  command->add_option("--backend", *request.mutable_backend(), "the backend; required if more than one is configured")
      ->type_name("BACKEND");
  auto* from = add_source_option(*command, *request.mutable_source());
  const auto flatten = [&request] { request.set_flatten(true); };
  command->add_flag_callback("--flatten", flatten, "copy all blocks at once, so that the source can be deleted")->needs(from);
  command->add_option("--type", *request.mutable_type(), "cinder: the volume type [the project's default]");
  command->add_option("--zone", *request.mutable_zone(), "cinder: the availability zone [Cinder's default]");
  add_timeout_option(*command, options->timeout);
  command->callback([&chosen, options] {
    auto& it = options->request;
    if (it.source().empty() && options->size_bytes == 0) throw CLI::ValidationError("--size is required unless --from is given");
    it.set_size_bytes(options->size_bytes);
    const auto id = it.backend().empty() ? it.name() : it.backend() + "/" + it.name();
    chosen = {Asked::Order, id, [options](const Session& session) { return create(session, options->request, options->timeout); }};
  });
}

void add_show(CLI::App& volume, Command& chosen) {
  auto* command = volume.add_subcommand("show", "Shows a volume and its attachments");
  const auto id = std::make_shared<std::string>();
  add_volume_argument(*command, *id);
  command->callback([&chosen, id] {
    v1::GetVolumeRequest request;
    request.set_id(*id);
    chosen = {Asked::Look, *id, [request](const Session& session) { return show(session, request); }};
  });
}

void add_expand(CLI::App& volume, Command& chosen) {
  struct Options {
    std::string id;
    std::int64_t size_bytes{};
    milliseconds timeout{kOrderTimeout};
  };
  auto* command = volume.add_subcommand("expand", "Grows a volume, also while it is in use");
  const auto options = std::make_shared<Options>();
  add_volume_argument(*command, options->id);
  add_size_option(*command, options->size_bytes, "the new size, such as 2GiB");
  add_timeout_option(*command, options->timeout);
  command->callback([&chosen, options] {
    v1::ExpandVolumeRequest request;
    request.set_id(options->id);
    request.set_size_bytes(options->size_bytes);
    chosen = {Asked::Order, options->id,
              [request, timeout = options->timeout](const Session& session) { return expand(session, request, timeout); }};
  });
}

void add_delete(CLI::App& volume, Command& chosen) {
  struct Options {
    v1::DeleteVolumeRequest request;
    milliseconds timeout{kOrderTimeout};
  };
  auto* command = volume.add_subcommand("delete", "Deletes a detached volume and its data; succeeds if it does not exist");
  const auto options = std::make_shared<Options>();
  add_volume_argument(*command, *options->request.mutable_id());
  add_timeout_option(*command, options->timeout);
  command->callback([&chosen, options] {
    chosen = {Asked::Order, options->request.id(),
              [options](const Session& session) { return remove(session, options->request, options->timeout); }};
  });
}
}  // namespace

void add_volume_commands(CLI::App& app, Command& chosen) {
  auto* volume = app.add_subcommand("volume", "Volumes")->require_subcommand(1);
  add_create(*volume, chosen);
  volume->add_subcommand("list", "Lists the volumes of all backends")->callback([&chosen] { chosen = {Asked::Look, {}, list}; });
  add_show(*volume, chosen);
  add_expand(*volume, chosen);
  add_modify_command(*volume, chosen);
  add_fence_command(*volume, chosen);
  add_cancel_command(*volume, chosen);
  add_delete(*volume, chosen);
}

}  // namespace blockplug::cli
