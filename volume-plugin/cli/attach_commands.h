// SPDX-License-Identifier: Apache-2.0
#pragma once
// blockplug attachment attach | detach
#include "volume-plugin/cli/command.h"

namespace CLI {
class App;
}

namespace blockplug::cli {

// `chosen` is set when the command line names it; it must outlive the parsing.
void add_attach_command(CLI::App& attachment, Command& chosen);
void add_detach_command(CLI::App& attachment, Command& chosen);

}  // namespace blockplug::cli
