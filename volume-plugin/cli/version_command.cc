// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/version_command.h"

#include "volume-plugin/cli/json.h"
#include "volume-plugin/cli/table.h"
#include "volume-plugin/version.h"

namespace blockplug::cli {
namespace {
constexpr std::chrono::seconds kTimeout{2};

Result<v1::GetVersionResponse> ask_daemon(const Endpoint& endpoint, const Console& console) {
  const auto client = TRY(Client::connect(endpoint));
  return client->version({kTimeout, console.interrupted});
}
}  // namespace

void show_version(const Endpoint& endpoint, const Console& console, Format format) {
  const auto daemon = ask_daemon(endpoint, console);
  if (format == Format::Json) {
    console.out << version_json(version(), daemon ? &*daemon : nullptr);
  } else {
    console.out << "blockplug " << version() << "\n";
    if (daemon) console.out << harmless("blockplugd " + daemon->version() + " on " + daemon->node()) << "\n";
  }
  const bool is_nobody_there = !daemon && daemon.error().code == Code::Unavailable && daemon.error().effect == Effect::None;
  if (!daemon && !is_nobody_there)
    console.err << "blockplug: the daemon's version is unknown: " << harmless(daemon.error().message) << "\n";
}

}  // namespace blockplug::cli
