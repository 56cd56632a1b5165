// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/utf8.h"

#include <gtest/gtest.h>

namespace blockplug {
namespace {

TEST(Utf8, StaysAsItIsAndTheRestIsReplaced) {
  struct Row {
    const char* name;
    std::string text, whole;
  };
  const std::string bad = "\xef\xbf\xbd";
  const Row rows[] = {
      {"nothing", "", ""},
      {"letters", "größe €  \n", "größe €  \n"},
      {"four bytes", "\xf0\x9f\x92\xbe", "\xf0\x9f\x92\xbe"},
      {"a NUL", std::string("a\0b", 3), std::string("a\0b", 3)},
      {"a lone byte",
       "a\xff"
       "b",
       "a" + bad + "b"},
      {"a lone continuation", "\x80", bad},
      {"cut off", "\xe2\x82", bad + bad},
      {"cut off by a letter", "\xc3x", bad + "x"},
      {"overlong", "\xc0\xaf", bad + bad},
      {"overlong of three", "\xe0\x80\xaf", bad + bad + bad},
      {"a surrogate", "\xed\xa0\x80", bad + bad + bad},
      {"beyond Unicode", "\xf4\x90\x80\x80", bad + bad + bad + bad},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(as_utf8(row.text), row.whole) << row.name;
    EXPECT_EQ(as_utf8(row.whole), row.whole) << row.name;
  }
}

TEST(Utf8, ControlCharactersAreThoseThatATerminalObeys) {
  for (const char* control : {"\x01", "\n", "\x1b", "\x7f", "\xc2\x80", "\xc2\x9f"}) EXPECT_TRUE(is_control(control)) << control;
  for (const char* shown : {" ", "~", "ü", "\xc2\xa0", "€"}) EXPECT_FALSE(is_control(shown)) << shown;
}

}  // namespace
}  // namespace blockplug
