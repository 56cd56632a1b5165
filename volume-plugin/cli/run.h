// SPDX-License-Identifier: Apache-2.0
#pragma once
// The program without its process-wide parts: parses the command line, makes the one call, reports the result.
#include <string>
#include <vector>

#include "volume-plugin/cli/command.h"

namespace blockplug::cli {

// `arguments` without the program's name.
ExitCode run(const std::vector<std::string>& arguments, const Console& console);

}  // namespace blockplug::cli
