// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/doctor_commands.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/doctor_text.h"
#include "volume-plugin/cli/json.h"
#include "volume-plugin/doctor/doctor.h"

namespace blockplug::cli {
namespace {
void print(const Console& console, Format format, const v1::DoctorResponse& response) {
  console.out << (format == Format::Json ? checks_json(response) : checks_text(response));
}

Status doctor(const Session& session) {
  const auto response = TRY(session.client.doctor(session.limits()));
  print(session.console, session.format, response);
  const auto missing = missing_text(response);
  if (!missing.empty()) return no_effect(Code::FailedPrecondition, missing);
  if (!session.is_json()) session.console.out << "All checks passed\n";
  return Ok{};
}

v1::Check to_message(const doctor::Check& check) {
  v1::Check message;
  message.set_name(check.name);
  message.set_state(to_text(check.state));
  message.set_found(check.found);
  message.set_remedy(check.remedy);
  message.set_needed_for(check.needed_for);
  return message;
}

// What the daemon would report, as far as this program can tell without the daemon's configuration.
void examine_without_daemon(const Console& console, Format format, const Endpoint& endpoint) {
  v1::DoctorResponse response;
  *response.add_checks() =
      to_message({.name = "daemon",
                  .state = doctor::State::Missing,
                  .found = "no daemon answers at " + endpoint.path + "; the other checks assume the default configuration",
                  .remedy = "systemctl start blockplugd, or give its socket with --endpoint",
                  .needed_for = "everything"});
  for (const auto& check : doctor::examine({})) *response.add_checks() = to_message(check);
  print(console, format, response);
}
}  // namespace

void add_doctor_commands(CLI::App& app, Command& chosen) {
  app.add_subcommand(
         "doctor",
         "Checks whether this machine has what Blockplug needs, and says how to fix what is missing; works without a daemon")
      ->callback([&chosen] {
        chosen = {Asked::Look, {}, doctor, examine_without_daemon};
      });
}

}  // namespace blockplug::cli
