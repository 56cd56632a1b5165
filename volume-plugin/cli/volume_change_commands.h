// SPDX-License-Identifier: Apache-2.0
#pragma once
// `blockplug volume modify`, `blockplug volume fence` and `blockplug volume cancel`.
#include "volume-plugin/cli/command.h"

namespace CLI {
class App;
}

namespace blockplug::cli {

void add_modify_command(CLI::App& volume, Command& chosen);
void add_fence_command(CLI::App& volume, Command& chosen);
void add_cancel_command(CLI::App& volume, Command& chosen);

}  // namespace blockplug::cli
