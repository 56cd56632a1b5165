// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/snapshot_commands.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/arguments.h"
#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/snapshot_text.h"

namespace blockplug::cli {
namespace {
using std::chrono::milliseconds;
constexpr std::chrono::seconds kOrderTimeout{60};

Status create(const Session& session, const v1::CreateSnapshotRequest& request, milliseconds timeout) {
  const auto snapshot = TRY(session.client.create_snapshot(request, {timeout, session.console.interrupted}));
  session.console.out << (session.is_json() ? snapshot_json(snapshot) : snapshot.id() + "\n");
  return Ok{};
}

Status list(const Session& session, const v1::ListSnapshotsRequest& request, milliseconds timeout) {
  const auto response = TRY(session.client.list_snapshots(request, {timeout, session.console.interrupted}));
  if (session.is_json()) {
    session.console.out << snapshots_json(response);
  } else if (response.problems().empty()) {
    print_list(session, snapshots_text(response, session.console.now()), "no snapshots");
  } else {
    session.console.out << snapshots_text(response, session.console.now());
  }
  if (response.problems().empty()) return Ok{};
  std::string problems;
  for (const auto& problem : response.problems()) problems += (problems.empty() ? "" : "; ") + problem;
  return maybe_effect(Code::Unavailable, "the list is incomplete: " + problems);
}

Status remove(const Session& session, const v1::DeleteSnapshotRequest& request, milliseconds timeout) {
  TRY(session.client.delete_snapshot(request, {timeout, session.console.interrupted}));
  session.console.out << (session.is_json() ? snapshot_deleted_json(request.id()) : request.id() + " is deleted\n");
  return Ok{};
}

template <typename Request>
struct Options {
  Request request;
  milliseconds timeout{kOrderTimeout};
};

void add_create(CLI::App& snapshot, Command& chosen) {
  auto* command = snapshot.add_subcommand("create", "Takes a snapshot of a volume; succeeds if it exists");
  const auto options = std::make_shared<Options<v1::CreateSnapshotRequest>>();
  add_volume_argument(*command, *options->request.mutable_volume());
  add_snapshot_name_argument(*command, *options->request.mutable_name());
  add_timeout_option(*command, options->timeout);
  command->callback([&chosen, options] {
    chosen = {Asked::Order, options->request.volume(),
              [options](const Session& session) { return create(session, options->request, options->timeout); }};
  });
}

void add_list(CLI::App& snapshot, Command& chosen) {
  auto* command = snapshot.add_subcommand("list", "Lists the snapshots of one volume, or of all volumes");
  const auto options = std::make_shared<Options<v1::ListSnapshotsRequest>>();
  add_volume_argument(*command, *options->request.mutable_volume())->required(false);
  command->callback([&chosen, options] {
    chosen = {Asked::Look, options->request.volume(),
              [options](const Session& session) { return list(session, options->request, options->timeout); }};
  });
}

void add_delete(CLI::App& snapshot, Command& chosen) {
  auto* command = snapshot.add_subcommand("delete", "Deletes a snapshot that has no clones; succeeds if it does not exist");
  const auto options = std::make_shared<Options<v1::DeleteSnapshotRequest>>();
  add_snapshot_argument(*command, *options->request.mutable_id());
  add_timeout_option(*command, options->timeout);
  command->callback([&chosen, options] {
    chosen = {Asked::Order, options->request.id(),
              [options](const Session& session) { return remove(session, options->request, options->timeout); }};
  });
}
}  // namespace

void add_snapshot_commands(CLI::App& app, Command& chosen) {
  auto* snapshot = app.add_subcommand("snapshot", "Snapshots of volumes")->require_subcommand(1);
  add_create(*snapshot, chosen);
  add_list(*snapshot, chosen);
  add_delete(*snapshot, chosen);
}

}  // namespace blockplug::cli
