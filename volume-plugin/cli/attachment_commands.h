// SPDX-License-Identifier: Apache-2.0
#pragma once
// blockplug attachment list | show | explain | watch; also adds the commands of attach_commands.h
#include "volume-plugin/cli/command.h"

namespace CLI {
class App;
}

namespace blockplug::cli {

// `chosen` is set when the command line names one of them; it must outlive the parsing.
void add_attachment_commands(CLI::App& app, Command& chosen);

}  // namespace blockplug::cli
