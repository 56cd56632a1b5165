// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/vm_commands.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/work_text.h"

namespace blockplug::cli {
namespace {
Status list(const Session& session) {
  const auto response = TRY(session.client.list_vms(session.limits()));
  if (session.is_json()) {
    session.console.out << vms_json(response);
  } else {
    print_list(session, vms_text(response), "no VMs");
  }
  return Ok{};
}
}  // namespace

void add_vm_commands(CLI::App& app, Command& chosen) {
  auto* vm = app.add_subcommand("vm", "VMs on this node")->require_subcommand(1);
  vm->add_subcommand("list", "Lists the VMs, their monitors and their free slots")->callback([&chosen] {
    chosen = {Asked::Look, {}, list};
  });
}

}  // namespace blockplug::cli
