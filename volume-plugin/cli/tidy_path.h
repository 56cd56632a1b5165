// SPDX-License-Identifier: Apache-2.0
#pragma once
// A path as people type it. Pure function of the text: the daemon resolves it, not this program.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug::cli {

// "/srv//data/" is "/srv/data". InvalidArgument: not absolute, or it contains "..".
Result<std::string> tidy_path(const std::string& text);

}  // namespace blockplug::cli
