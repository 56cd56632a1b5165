// SPDX-License-Identifier: Apache-2.0
#pragma once
// Valid names of local volumes: a name becomes a file name, so it must not lead out of the directory. Pure functions.
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"

namespace blockplug::local {

// InvalidArgument: says what is wrong and what is allowed.
Status check_volume_name(std::string_view name);

}  // namespace blockplug::local
