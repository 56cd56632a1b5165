// SPDX-License-Identifier: Apache-2.0
#include "hotplug/text_file.h"

#include <gtest/gtest.h>

namespace blockplug {
namespace {

TEST(TextFile, IsReadToItsEndWhateverIsInIt) {
  const auto path = ::testing::TempDir() + "/text_file_test";
  for (const auto size : {0, 1, 4095, 4096, 4097, 100'000}) {
    const std::string text(static_cast<std::size_t>(size), size % 2 == 0 ? 'x' : '\0');
    std::ofstream{path} << text;
    EXPECT_EQ(text_of(path), text);
  }
  std::filesystem::remove(path);
}

// As of a process that ends between the opening and the reading of its /proc/PID/cmdline.
TEST(TextFile, ThatCannotBeReadIsEmptyAndNoException) {
  EXPECT_EQ(text_of("/proc"), "");  // opens, and fails when it is read
  EXPECT_EQ(text_of("/nowhere"), "");
}

}  // namespace
}  // namespace blockplug
