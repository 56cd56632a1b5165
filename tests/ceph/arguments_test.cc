// SPDX-License-Identifier: Apache-2.0
#include "ceph/arguments.h"

#include <gtest/gtest.h>

namespace blockplug::rbd::testing {
namespace {

TEST(Arguments, AreCheckedAndSaidBack) {
  EXPECT_EQ(*size_in({{"size_bytes", "512"}}), 512);
  for (const char* text : {"", "0", "-512", "511", "1x", "99999999999999999999"})
    EXPECT_EQ(size_in({{"size_bytes", text}}).error().code, Code::InvalidArgument) << text;
  EXPECT_EQ(source_in({{"source", "a@b"}})->snapshot, "b");
  for (const char* text : {"", "@b", "a@"}) EXPECT_FALSE(source_in({{"source", text}}).ok()) << text;
}

}  // namespace
}  // namespace blockplug::rbd::testing
