// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/run.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/attachment_commands.h"
#include "volume-plugin/cli/doctor_commands.h"
#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/plan_commands.h"
#include "volume-plugin/cli/queue_commands.h"
#include "volume-plugin/cli/repair_commands.h"
#include "volume-plugin/cli/snapshot_commands.h"
#include "volume-plugin/cli/table.h"
#include "volume-plugin/cli/version_command.h"
#include "volume-plugin/cli/vm_commands.h"
#include "volume-plugin/cli/volume_commands.h"

namespace blockplug::cli {
namespace {
// The parsed command line.
struct Choice {
  std::string endpoint{kDefaultEndpoint};
  Format format{};
  bool wants_version{};
  Command command;
};

void describe(CLI::App& app, Choice& choice) {
  app.fallthrough();  // global options may also stand after the command
  app.require_subcommand(0, 1);
  app.add_option("--endpoint", choice.endpoint, "the daemon's admin socket")->capture_default_str()->type_name("URI");
  app.add_option_function<std::string>(
         "-o,--output", [&choice](const std::string& text) { choice.format = text == "json" ? Format::Json : Format::Table; },
         "output format [table]")
      ->check(CLI::IsMember({"table", "json"}));
  app.add_flag("--version", choice.wants_version, "print the versions of this program and of the daemon, if it runs");
  add_volume_commands(app, choice.command);
  add_snapshot_commands(app, choice.command);
  add_attachment_commands(app, choice.command);
  add_plan_commands(app, choice.command);
  add_queue_commands(app, choice.command);
  add_vm_commands(app, choice.command);
  add_repair_commands(app, choice.command);
  add_doctor_commands(app, choice.command);
  app.footer(
      "Exit status: 0 success; 1 usage or not confirmed; 2 refused or failed; 3 no daemon;\n"
      "4 pending (timed out or interrupted; the daemon goes on).");
}

// Errors follow -o even where the command line could not be parsed to its end.
Format format_asked_for_by(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto& word = arguments[i];
    if (word == "-ojson" || word == "-o=json" || word == "--output=json") return Format::Json;
    if ((word == "-o" || word == "--output") && i + 1 < arguments.size() && arguments[i + 1] == "json") return Format::Json;
  }
  return Format::Table;
}

void print_error(const Console& console, Format format, const Error& error, const std::string& volume) {
  if (format == Format::Json) {
    console.err << error_json(error, volume);
  } else {
    console.err << "blockplug: " << harmless(error.message) << "\n";
  }
}

ExitCode usage_error(const CLI::App& app, const Console& console, Format format, const std::string& fault) {
  std::string path = "blockplug";
  for (const auto* command = &app; !command->get_subcommands().empty();) {
    command = command->get_subcommands().front();
    path += " " + command->get_name();
  }
  print_error(console, format, no_effect(Code::InvalidArgument, fault + "; see '" + path + " --help'"), {});
  return ExitCode::UsageOrNotConfirmed;
}

// CLI11 reports "a subcommand is required" even where an unknown one was given.
std::string fault_of(const CLI::App& app, const CLI::ParseError& fault) {
  const auto unknown = app.remaining(true);
  const bool is_command_missing = std::string_view(fault.what()).starts_with("A subcommand is required");
  return is_command_missing && !unknown.empty() ? "'" + unknown.front() + "' is not a command" : fault.what();
}

Status perform(const Choice& choice, const Endpoint& endpoint, const Console& console) {
  const auto client = Client::connect(endpoint);
  if (!client) {
    const bool is_nobody_there = client.error().code == Code::Unavailable;
    if (is_nobody_there && choice.command.run_without_daemon) choice.command.run_without_daemon(console, choice.format, endpoint);
    return client.error();
  }
  return choice.command.run(Session{**client, console, choice.format});
}

std::string joined(std::string sentence, const std::string& more) {
  if (sentence.ends_with('.')) sentence.pop_back();
  return sentence + "; " + more;
}

ExitCode failed(const Choice& choice, const Endpoint& endpoint, const Console& console, Error error) {
  auto daemon = Daemon::Listens;
  if (error.code == Code::Unavailable) daemon = look_for_daemon(endpoint);
  if (daemon == Daemon::Gone && error.effect == Effect::Unknown) error = within("the daemon went away", error);
  const auto code = exit_code_for(error, choice.command.asked, daemon);
  const auto advice = advice_after(error, code, choice.command.asked, choice.command.volume);
  if (!advice.empty()) error.message = joined(error.message, advice);
  print_error(console, choice.format, error, choice.command.volume);
  return code;
}

ExitCode finish(const Console& console, Format format) {
  if (console.out.flush()) return ExitCode::ItIsSo;
  print_error(console, format, no_effect(Code::DataLoss, "done, but the result could not be written to the standard output"), {});
  return ExitCode::Refused;
}

ExitCode run_choice(const CLI::App& app, const Choice& choice, const Console& console) {
  const auto endpoint = parse_endpoint(choice.endpoint);
  if (!endpoint) return usage_error(app, console, choice.format, "--endpoint: " + endpoint.error().message);
  if (choice.wants_version) {
    show_version(*endpoint, console, choice.format);
    return finish(console, choice.format);
  }
  if (!choice.command.run) return usage_error(app, console, choice.format, "no command given");
  const auto done = perform(choice, *endpoint, console);
  if (!done) {
    console.out.flush();
    return failed(choice, *endpoint, console, done.error());
  }
  return finish(console, choice.format);
}
}  // namespace

ExitCode run(const std::vector<std::string>& arguments, const Console& console) {
  CLI::App app("Attaches block volumes to pods: to their VMs, or to paths of this host. Talks to blockplugd on this node.",
               "blockplug");
  Choice choice;
  describe(app, choice);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them from the back
  } catch (const CLI::CallForHelp&) {
    console.out << app.help();
    return finish(console, choice.format);
  } catch (const CLI::ParseError& fault) {
    return usage_error(app, console, format_asked_for_by(arguments), fault_of(app, fault));
  }
  return run_choice(app, choice, console);
}

}  // namespace blockplug::cli
