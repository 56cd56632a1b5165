// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/listing.h"

#include <gtest/gtest.h>

namespace blockplug::csi {
namespace {
using Ids = std::vector<std::string>;
const auto kItself = [](const std::string& id) { return id; };

TEST(CsiListing, PagesLoseAndRepeatNothingWhateverComesAndGoesMeanwhile) {
  Ids all{"c/3", "a/1", "d/4", "b/2"};
  auto page = page_of(all, 2, "", kItself);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->entries, (Ids{"a/1", "b/2"}));
  EXPECT_EQ(page->next_token, "b/2");
  all = {"a/0", "c/3", "d/4"};  // a new one before the token, and the token's own one deleted
  page = page_of(all, 2, page->next_token, kItself);
  EXPECT_EQ(page->entries, (Ids{"c/3", "d/4"}));
  EXPECT_EQ(page->next_token, "");
}

TEST(CsiListing, RefusesWhatIsNoPage) {
  EXPECT_EQ(page_of(Ids{}, -1, "", kItself).error().code, Code::InvalidArgument);
  EXPECT_EQ(page_of(Ids{}, 0, "invalid-token", kItself).error().code, Code::Aborted);
}
}  // namespace
}  // namespace blockplug::csi
