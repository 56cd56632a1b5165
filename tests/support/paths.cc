// SPDX-License-Identifier: Apache-2.0
#include "tests/support/paths.h"

namespace blockplug::testing {

std::string source_path(const std::string& path) { return std::string(BLOCKPLUG_SOURCE_DIR) + "/" + path; }
std::string program(const std::string& name) { return std::string(BLOCKPLUG_BIN_DIR) + "/" + name; }

}  // namespace blockplug::testing
