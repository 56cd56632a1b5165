// SPDX-License-Identifier: Apache-2.0
#pragma once
// Texts as they are meant to be, in tests/golden/cli. BLOCKPLUG_ACCEPT=1 writes what the program says now; then read the diff.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace blockplug::cli::testing {

inline void expect_golden(const std::string& name, const std::string& text) {
  const auto path = std::string(BLOCKPLUG_SOURCE_DIR) + "/tests/golden/cli/" + name;
  if (std::getenv("BLOCKPLUG_ACCEPT") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  ASSERT_TRUE(file) << path << " is missing; BLOCKPLUG_ACCEPT=1 writes it";
  const std::string golden{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, golden) << "not as in " << path;
}

}  // namespace blockplug::cli::testing
