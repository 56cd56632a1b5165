// SPDX-License-Identifier: Apache-2.0
#pragma once
// blockplug --version: the program's version, and the daemon's where one runs. Works without a daemon.
#include "volume-plugin/cli/command.h"
#include "volume-plugin/cli/endpoint.h"

namespace blockplug::cli {

void show_version(const Endpoint& endpoint, const Console& console, Format format);

}  // namespace blockplug::cli
