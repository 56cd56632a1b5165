// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/process_book.h"

#include <gtest/gtest.h>

#include "tests/hotplug/host/process/sleeper.h"
#include "tests/hotplug/vm/vm_worlds.h"

namespace blockplug {
namespace {
using testing::Sleeper;
using testing::TemporaryDirectory;

TEST(ProcessBook, RemembersTheLivingAcrossLives) {
  const TemporaryDirectory directory;
  Sleeper first, second;
  const auto one = *identify_process(first.pid()), two = *identify_process(second.pid());
  {
    ProcessBook book(directory / "book");
    EXPECT_TRUE(book.remember("web-0", one).ok());
    EXPECT_EQ(std::filesystem::status(directory / "book").permissions(), std::filesystem::perms(0700));
    EXPECT_TRUE(book.remember("web-0", two).ok());
    EXPECT_TRUE(book.remember("web-0", two).ok());
  }
  ProcessBook book(directory / "book");
  EXPECT_EQ(book.living().at("web-0"), (std::vector{one, two}));
  first.bury();
  EXPECT_EQ(book.living().at("web-0"), std::vector{two});
  book.forget("web-0", two);
  EXPECT_TRUE(book.living().empty());
}

TEST(ProcessBook, SaysWhenItCannotBeWritten) {
  const TemporaryDirectory directory;
  std::ofstream(directory / "book").close();
  ProcessBook book(directory / "book");
  const auto status = book.remember("web-0", *identify_process(::getpid()));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::Unavailable);
}

}  // namespace
}  // namespace blockplug
