// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/size.h"

#include <gtest/gtest.h>

namespace blockplug {
namespace {
struct Readable {
  const char* text;
  std::int64_t size_bytes;
};

TEST(Size, IsReadAsPeopleWriteIt) {
  const Readable table[] = {{"1GiB", 1073741824},
                            {"512MiB", 536870912},
                            {"10Ki", 10240},
                            {"1G", 1000000000},
                            {"1GB", 1000000000},
                            {"3Ti", 3298534883328},
                            {"4096", 4096},
                            {"4096B", 4096},
                            {"0", 0},
                            {"2k", 2000},
                            {"7E", 7000000000000000000},
                            {"9223372036854775807", INT64_MAX}};
  for (const auto& row : table) {
    const auto size = parse_size(row.text);
    ASSERT_TRUE(size.ok()) << row.text << ": " << size.error().message;
    EXPECT_EQ(*size, row.size_bytes) << row.text;
  }
}

struct Unreadable {
  std::string_view text;
  Code code;
};

TEST(Size, SaysWhatCannotBeReadAndHowToWriteIt) {
  const Unreadable table[] = {{"", Code::InvalidArgument},
                              {"GiB", Code::InvalidArgument},
                              {"-1", Code::InvalidArgument},
                              {"+1", Code::InvalidArgument},
                              {" 1", Code::InvalidArgument},
                              {"1 GiB", Code::InvalidArgument},
                              {"1gib", Code::InvalidArgument},
                              {"1.5GiB", Code::InvalidArgument},
                              {"1GiBB", Code::InvalidArgument},
                              {"1iB", Code::InvalidArgument},
                              {"1GiB\n", Code::InvalidArgument},
                              {"0x10", Code::InvalidArgument},
                              {"8EiB", Code::OutOfRange},
                              {"9223372036854775808", Code::OutOfRange},
                              {"99999999999999999999GiB", Code::OutOfRange}};
  for (const auto& row : table) {
    const auto size = parse_size(row.text);
    ASSERT_FALSE(size.ok()) << row.text;
    EXPECT_EQ(size.error().code, row.code) << row.text;
    EXPECT_EQ(size.error().effect, Effect::None);
  }
  EXPECT_EQ(parse_size("1\n").error().message,
            "size '1\\x0a' is not valid: use a whole number and a unit: 1GiB, 512MiB, 10Ki (powers of 1024), 1GB, 500M (powers of "
            "1000), or plain bytes");
}

TEST(Size, OfAVolumeIsWholeSectorsAndNotNothing) {
  EXPECT_TRUE(check_size(512).ok());
  EXPECT_TRUE(check_size(kMaxSizeBytes).ok());
  EXPECT_EQ(check_size(0).error().code, Code::InvalidArgument);
  EXPECT_EQ(check_size(INT64_MIN).error().code, Code::InvalidArgument);
  EXPECT_EQ(check_size(1000).error().message, "size 1000 is not a multiple of 512 bytes: the next larger one is 1024");
  EXPECT_EQ(check_size(kMaxSizeBytes + 512).error().code, Code::OutOfRange);
  EXPECT_EQ(check_size(INT64_MAX).error().code, Code::OutOfRange);
}

TEST(Size, IsWrittenExactlyAndCanBeReadBack) {
  for (const std::int64_t size_bytes : {std::int64_t{0}, std::int64_t{512}, std::int64_t{1} << 20, std::int64_t{1} << 30,
                                        std::int64_t{1536} << 20, std::int64_t{1000000000}, kMaxSizeBytes, INT64_MAX}) {
    const auto read = parse_size(format_size(size_bytes));
    ASSERT_TRUE(read.ok()) << format_size(size_bytes);
    EXPECT_EQ(*read, size_bytes);
  }
  EXPECT_EQ(format_size(std::int64_t{1536} << 20), "1536MiB");
  EXPECT_EQ(format_size_roughly(265751318528), "247GiB");
}
}  // namespace
}  // namespace blockplug
