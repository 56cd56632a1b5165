// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/plan_commands.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/work_text.h"

namespace blockplug::cli {
namespace {
Status plan(const Session& session) {
  const auto response = TRY(session.client.plan(session.limits()));
  if (session.is_json()) {
    session.console.out << plan_json(response);
  } else {
    print_list(session, plan_text(response), "nothing to do");
  }
  return Ok{};
}
}  // namespace

void add_plan_commands(CLI::App& app, Command& chosen) {
  app.add_subcommand("plan", "Shows the next step of every volume whose actual state differs from the desired one, and why")
      ->callback([&chosen] {
        chosen = {Asked::Look, {}, plan};
      });
}

}  // namespace blockplug::cli
