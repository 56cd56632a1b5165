// SPDX-License-Identifier: Apache-2.0
#include "hotplug/format_records.h"

#include <gtest/gtest.h>

#include <vector>

namespace blockplug {
namespace {
using State = FormatRecord::State;
constexpr const char* kUuid = "0f3c2a1e-9b7d-4c55-8a10-d2f4b6e81c37";

TEST(FormatRecordText, IsReadBackAsItWasWritten) {
  for (const auto& record :
       {FormatRecord{}, FormatRecord{State::Formatting, "xfs", kUuid}, FormatRecord{State::Formatted, "ext4", kUuid}}) {
    const auto back = format_record_from(to_text(record));
    ASSERT_TRUE(back.ok()) << to_text(record);
    EXPECT_EQ(*back, record);
  }
  EXPECT_EQ(to_text(FormatRecord{}), "never");
  EXPECT_EQ(to_text(FormatRecord{State::Formatting, "ext4", kUuid}), "formatting ext4 " + std::string(kUuid));
}

TEST(FormatRecordText, IsDataLossWhereItIsAnythingElse) {
  const std::string uuid = kUuid;
  for (const auto& text : std::vector<std::string>{"",
                                                   " ",
                                                   "Never",
                                                   "never ",
                                                   " never",
                                                   "never\n",
                                                   std::string("never\0", 6),
                                                   "formatted",
                                                   "formatted ",
                                                   "formatted ext4",
                                                   "formatted ext4 ",
                                                   "formatted  " + uuid,
                                                   "formatted ext4  " + uuid,
                                                   "formatted ext4 " + uuid + " ",
                                                   "formatted ext4 " + uuid + "\n",
                                                   "formatted ext4 " + uuid + " more",
                                                   "formatted EXT4 " + uuid,
                                                   "formatted ext4 " + uuid.substr(1),
                                                   "formatted ext4 g" + uuid.substr(1),
                                                   "formatted ext4 -" + uuid.substr(1),
                                                   "formatting\text4 " + uuid,
                                                   "formattedext4 " + uuid,
                                                   "formated ext4 " + uuid,
                                                   "formatted abcdefghijklmnopq " + uuid,
                                                   "\xff\xfe"}) {
    const auto record = format_record_from(text);
    ASSERT_FALSE(record.ok()) << text;
    EXPECT_EQ(record.error().code, Code::DataLoss) << text;
    EXPECT_EQ(record.error().effect, Effect::None) << text;
  }
}

}  // namespace
}  // namespace blockplug
