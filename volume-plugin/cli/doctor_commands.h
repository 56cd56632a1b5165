// SPDX-License-Identifier: Apache-2.0
#pragma once
// blockplug doctor
#include "volume-plugin/cli/command.h"

namespace CLI {
class App;
}

namespace blockplug::cli {

// `chosen` is set when the command line names it; it must outlive the parsing.
void add_doctor_commands(CLI::App& app, Command& chosen);

}  // namespace blockplug::cli
