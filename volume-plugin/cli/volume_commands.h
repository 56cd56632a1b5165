// SPDX-License-Identifier: Apache-2.0
#pragma once
// blockplug volume create | list | show | expand | modify | fence | delete
#include "volume-plugin/cli/command.h"

namespace CLI {
class App;
}

namespace blockplug::cli {

// `chosen` is set when the command line names one of them; it must outlive the parsing.
void add_volume_commands(CLI::App& app, Command& chosen);

}  // namespace blockplug::cli
