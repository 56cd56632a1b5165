// SPDX-License-Identifier: Apache-2.0
#pragma once
// The whole program but for what belongs to the process: reads the command line, makes the one call, says how it went.
#include <string>
#include <vector>

#include "volume-plugin/cli/command.h"

namespace blockplug::cli {

// `arguments` without the program's name.
ExitCode run(const std::vector<std::string>& arguments, const Console& console);

}  // namespace blockplug::cli
