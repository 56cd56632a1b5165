// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/capacity.h"

#include <gtest/gtest.h>

#include "volume-plugin/size.h"

namespace blockplug::csi {
namespace {
constexpr std::int64_t kMiB = 1 << 20, kGiB = 1 << 30;

::csi::v1::CapacityRange range(std::int64_t required, std::int64_t limit) {
  ::csi::v1::CapacityRange made;
  made.set_required_bytes(required);
  made.set_limit_bytes(limit);
  return made;
}

TEST(CsiCapacity, TakesTheSmallestSizeThatFits) {
  const SizeRule sectors{.least = 0, .step = 512, .otherwise = kGiB}, gibs{.least = kMiB, .step = kGiB, .otherwise = kGiB};
  struct Row {
    const char* name{};
    std::int64_t required{}, limit{};
    SizeRule rule;
    std::int64_t size{};
  };
  const Row rows[] = {
      {"nothing said", 0, 0, sectors, kGiB},
      {"one byte", 1, 0, sectors, 512},
      {"one byte, and a file system", 1, 0, {kMiB, 512, kGiB}, kMiB},
      {"only a limit", 0, kMiB, sectors, kMiB},
      {"only a limit that is no multiple", 0, kMiB + 5, sectors, kMiB},
      {"rounded up", 1000001, 0, sectors, 1000448},
      {"rounded up within the limit", 1000001, 1000448, sectors, 1000448},
      {"whole GiB", 200 * kMiB, 0, gibs, kGiB},
      {"whole GiB within the limit", 200 * kMiB, kGiB, gibs, kGiB},
      {"at least the source", kMiB, 0, {kGiB, 512, kGiB}, kGiB},
      {"the largest", kMaxSizeBytes, 0, gibs, kMaxSizeBytes},
  };
  for (const auto& row : rows) {
    const auto size = size_for(range(row.required, row.limit), row.rule);
    ASSERT_TRUE(size.ok()) << row.name << ": " << size.error().message;
    EXPECT_EQ(*size, row.size) << row.name;
    EXPECT_TRUE(is_within(range(row.required, row.limit), *size)) << row.name;
  }
}

TEST(CsiCapacity, RefusesWhereNoSizeFits) {
  struct Row {
    const char* name{};
    std::int64_t required{}, limit{};
    SizeRule rule;
    Code code{};
  };
  const Row rows[] = {
      {"no multiple of the step", 1000001, 1000001, {0, 512, kGiB}, Code::OutOfRange},
      {"no whole GiB", 200 * kMiB, 900 * kMiB, {0, kGiB, kGiB}, Code::OutOfRange},
      {"smaller than the source", 1, kMiB, {kGiB, 512, kGiB}, Code::OutOfRange},
      {"a limit below a file system's least", 0, kMiB, {300 * kMiB, 512, kGiB}, Code::OutOfRange},
      {"more than any volume", kMaxSizeBytes + 1, 0, {0, 512, kGiB}, Code::OutOfRange},
      {"the most that the field holds", INT64_MAX, INT64_MAX, {0, kGiB, kGiB}, Code::OutOfRange},
      {"negative", -1, 0, {0, 512, kGiB}, Code::InvalidArgument},
      {"a negative limit", 0, -1, {0, 512, kGiB}, Code::InvalidArgument},
      {"a limit below what is required", 1024, 512, {0, 512, kGiB}, Code::InvalidArgument},
  };
  for (const auto& row : rows) {
    const auto size = size_for(range(row.required, row.limit), row.rule);
    ASSERT_FALSE(size.ok()) << row.name << ": " << *size;
    EXPECT_EQ(size.error().code, row.code) << row.name << ": " << size.error().message;
  }
}
}  // namespace
}  // namespace blockplug::csi
