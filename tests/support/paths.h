// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where this build and its sources are. In one file only, so that all others compile identically in every checkout (ccache).
#include <string>

namespace blockplug::testing {

std::string source_path(const std::string& path);  // "tests/golden/cli/x.txt" → its absolute path
std::string program(const std::string& name);      // of this build: "blockplug-helper"

}  // namespace blockplug::testing
