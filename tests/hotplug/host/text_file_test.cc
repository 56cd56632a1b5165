// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/text_file.h"

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

// Like a process that ends between the open and the read of its /proc/PID/cmdline.
TEST(TextFile, ThatCannotBeReadIsEmptyAndNoException) {
  EXPECT_EQ(text_of("/proc"), "");  // opens, and fails when it is read
  EXPECT_EQ(text_of("/nowhere"), "");
  std::string text = "before ";
  EXPECT_FALSE(read_text("/proc", text));
  EXPECT_FALSE(read_text("/nowhere", text));
  EXPECT_TRUE(read_text("/proc/self/comm", text));
  EXPECT_GT(text.size(), 7U);
}

TEST(TextFile, HasAFirstLineWithoutItsNewline) {
  const auto path = ::testing::TempDir() + "/text_file_first_line_test";
  for (const auto& [text, line] :
       {std::pair{"", ""}, std::pair{"\n", ""}, std::pair{"7:3\n", "7:3"}, std::pair{"a\nb\n", "a"}, std::pair{"a", "a"}}) {
    std::ofstream{path} << text;
    EXPECT_EQ(first_line_of(path), line);
  }
  std::filesystem::remove(path);
  EXPECT_EQ(first_line_of("/nowhere"), "");
  EXPECT_EQ(first_line_of("/proc"), "");
}

}  // namespace
}  // namespace blockplug
