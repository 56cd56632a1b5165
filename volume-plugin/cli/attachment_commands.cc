// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/attachment_commands.h"

#include <CLI/CLI.hpp>

#include "volume-plugin/cli/arguments.h"
#include "volume-plugin/cli/attach_commands.h"
#include "volume-plugin/cli/attachment_text.h"
#include "volume-plugin/cli/explain_text.h"
#include "volume-plugin/cli/json.h"

namespace blockplug::cli {
namespace {
Status list(const Session& session) {
  const auto response = TRY(session.client.list_attachments({}, session.limits()));
  if (session.is_json()) {
    session.console.out << attachments_json(response);
  } else {
    print_list(session, attachments_text(response, session.console.now()), "no attachments");
  }
  return Ok{};
}

Status show(const Session& session, const std::string& volume) {
  v1::ListAttachmentsRequest request;
  request.set_volume(volume);
  const auto response = TRY(session.client.list_attachments(request, session.limits()));
  if (response.attachments().empty()) return no_effect(Code::NotFound, volume + " is not attached, no attach requested");
  if (session.is_json()) {
    session.console.out << attachments_json(response);
  } else {
    for (const auto& attachment : response.attachments()) session.console.out << attachment_text(attachment, session.console.now());
  }
  return Ok{};
}

Status explain(const Session& session, const std::string& volume) {
  v1::ExplainRequest request;
  request.set_volume(volume);
  const auto response = TRY(session.client.explain(request, session.limits()));
  if (session.is_json()) {
    session.console.out << explanations_json(response);
  } else if (response.explanations().empty()) {
    session.console.out << volume << " is not attached, no attach requested\n";
  } else {
    session.console.out << explanations_text(response, session.console.now());
  }
  return Ok{};
}

Status watch(const Session& session) {
  const auto tell = [&session](const v1::WatchEvent& event) {
    session.console.out << (session.is_json() ? event_json(event) : event_text(event) + "\n") << std::flush;
  };
  return session.client.watch(tell, session.console.interrupted);
}

struct Look {
  const char *name, *description;
  Status (*run)(const Session&, const std::string&);
};

void add_look(CLI::App& attachment, Command& chosen, const Look& look) {
  auto* command = attachment.add_subcommand(look.name, look.description);
  const auto volume = std::make_shared<std::string>();
  add_volume_argument(*command, *volume);
  command->callback([&chosen, volume, run = look.run] {
    chosen = {Asked::Look, *volume, [run, volume](const Session& session) { return run(session, *volume); }};
  });
}
}  // namespace

void add_attachment_commands(CLI::App& app, Command& chosen) {
  auto* attachment = app.add_subcommand("attachment", "Attachments of volumes to VMs and host paths")->require_subcommand(1);
  add_attach_command(*attachment, chosen);
  add_detach_command(*attachment, chosen);
  attachment->add_subcommand("list", "Lists attachments: attached, pending or being detached")->callback([&chosen] {
    chosen = {Asked::Look, {}, list};
  });
  add_look(*attachment, chosen, {"show", "Shows a volume's attachments and their state", show});
  add_look(*attachment, chosen, {"explain", "Explains the state of a volume's attachments: why, and what happens next", explain});
  attachment->add_subcommand("watch", "Prints every change, one per line, until Ctrl-C")->callback([&chosen] {
    chosen = {Asked::Look, {}, watch};
  });
}

}  // namespace blockplug::cli
