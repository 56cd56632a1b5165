// SPDX-License-Identifier: Apache-2.0
#pragma once
// The expected texts in tests/golden/cli. BLOCKPLUG_ACCEPT=1 replaces them by the program's current output; then read the diff.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/paths.h"

namespace blockplug::cli::testing {

inline void expect_golden(const std::string& name, const std::string& text) {
  const auto path = blockplug::testing::source_path("tests/golden/cli/" + name);
  if (std::getenv("BLOCKPLUG_ACCEPT") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << " is missing; BLOCKPLUG_ACCEPT=1 writes it";
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, golden) << "not as in " << path;
}

}  // namespace blockplug::cli::testing
