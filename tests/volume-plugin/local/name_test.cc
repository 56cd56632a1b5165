// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/name.h"

#include <gtest/gtest.h>

namespace blockplug::local {
namespace {
using namespace std::string_view_literals;

TEST(VolumeName, MayBeLettersDigitsAndAFewMore) {
  for (const auto& name : {std::string{"a"}, std::string{"Data-1"}, std::string{"0"}, std::string{"pvc_1.x"}, std::string{"x.raw"},
                           std::string(128, 'a')}) {
    EXPECT_TRUE(check_volume_name(name).ok()) << name;
  }
}

TEST(VolumeName, IsRefusedWithWhatIsWrongAndWhatIsAllowed) {
  const std::string long_name(129, 'a');
  const struct {
    std::string_view name, fault;
  } table[] = {{"", "it is empty"},
               {long_name, "it has 129 characters"},
               {"a/b", "it contains '/'"},
               {"..", "it begins with '.'"},
               {".hidden", "it begins with '.'"},
               {"-rf", "it begins with '-'"},
               {"_x", "it begins with '_'"},
               {"a..b", "it contains '..'"},
               {"../../etc/passwd", "it contains '/'"},
               {"a\0b"sv, "it contains a NUL byte"},
               {"a\n", "it contains a line break"},
               {"a b", "it contains a space"},
               {"a\\b", "it contains '\\x5c'"},
               {"a\x1b[31m", "it contains '\\x1b'"},
               {"\xc3\xa4", "it contains '\\xc3'"},
               {"\xff", "it contains '\\xff'"}};
  for (const auto& row : table) {
    const auto status = check_volume_name(row.name);
    ASSERT_FALSE(status.ok()) << row.fault;
    const auto& [code, effect, message] = status.error();
    EXPECT_EQ(code, Code::InvalidArgument);
    EXPECT_EQ(effect, Effect::None);
    EXPECT_NE(message.find(": " + std::string{row.fault} + ";"), std::string::npos) << message;
    EXPECT_NE(message.find("use 1 to 128 letters"), std::string::npos) << message;
    for (const char c : message) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << "a raw byte in: " << message;
  }
}
}  // namespace
}  // namespace blockplug::local
