// SPDX-License-Identifier: Apache-2.0
#pragma once
// `blockplug snapshot …`
#include "volume-plugin/cli/command.h"

namespace CLI {
class App;
}

namespace blockplug::cli {

void add_snapshot_commands(CLI::App& app, Command& chosen);

}  // namespace blockplug::cli
