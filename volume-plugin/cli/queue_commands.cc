// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/queue_commands.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/work_text.h"

namespace blockplug::cli {
namespace {
Status queue(const Session& session) {
  const auto response = TRY(session.client.queue(session.limits()));
  if (session.is_json()) {
    session.console.out << queue_json(response);
  } else {
    print_list(session, queue_text(response, session.console.now()), "nothing is running or waiting");
  }
  return Ok{};
}
}  // namespace

void add_queue_commands(CLI::App& app, Command& chosen) {
  app.add_subcommand("queue", "Lists the steps and orders that are running or waiting")->callback([&chosen] {
    chosen = {Asked::Look, {}, queue};
  });
}

}  // namespace blockplug::cli
