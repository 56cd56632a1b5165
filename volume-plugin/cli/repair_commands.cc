// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/repair_commands.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/arguments.h"
#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/repair_text.h"

namespace blockplug::cli {
namespace {
using std::chrono::milliseconds;

void print(const Session& session, const v1::RepairResponse& response, bool dry_run) {
  if (session.is_json()) {
    session.console.out << orphans_json(response);
    return;
  }
  print_list(session, orphans_text(response, dry_run), "nothing to repair");
  if (dry_run && !response.orphans().empty())
    session.console.err << "nothing was changed; to remove them run: blockplug repair --all, or blockplug repair VOLUME\n";
}

Status repair(const Session& session, const v1::RepairRequest& request, milliseconds timeout) {
  const auto response = TRY(session.client.repair(request, {timeout, session.console.interrupted}));
  print(session, response, request.dry_run());
  const auto left = request.dry_run() ? std::string{} : left_text(response);
  if (left.empty()) return Ok{};
  return maybe_effect(Code::FailedPrecondition, left);
}

std::string fault_in(const v1::RepairRequest& it) {
  if (it.volume().empty() && !it.all() && !it.dry_run())
    return "no volume given: name one, or use --all; --dry-run only lists orphans";
  if (!it.volume().empty() && it.all()) return "a volume and --all cannot be used together";
  return {};
}
}  // namespace

void add_repair_commands(CLI::App& app, Command& chosen) {
  struct Options {
    v1::RepairRequest request;
    milliseconds timeout{std::chrono::seconds{60}};
  };
  auto* command = app.add_subcommand("repair", "Removes orphans: devices and mounts that have our marker but no record");
  const auto options = std::make_shared<Options>();
  auto& request = options->request;
  add_volume_argument(*command, *request.mutable_volume())->required(false);
  command->add_flag_callback(
      "--all", [&request] { request.set_all(true); }, "the orphans of all volumes");
  command->add_flag_callback(
      "--dry-run", [&request] { request.set_dry_run(true); }, "only list them");
  add_timeout_option(*command, options->timeout);
  command->callback([&chosen, options] {
    auto& it = options->request;
    if (const auto fault = fault_in(it); !fault.empty()) throw CLI::ValidationError(fault);
    it.set_all(it.volume().empty());
    chosen = {it.dry_run() ? Asked::Look : Asked::Order, it.volume(),
              [options](const Session& session) { return repair(session, options->request, options->timeout); }};
  });
}

}  // namespace blockplug::cli
