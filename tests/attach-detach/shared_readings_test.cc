// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/shared_readings.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace blockplug::test {
namespace {

class SharedReadingsTest : public ::testing::Test {
 protected:
  Result<std::string> since(Time doubted_at, const std::string& source = "a") {
    const auto reading = readings.since(doubted_at, source, [&]() -> Result<std::string> {
      ++reads;
      if (fails) return no_effect(Code::Unavailable, "reading " + std::to_string(reads));
      return source + std::to_string(reads);
    });
    if (!reading.ok()) return reading.error();
    return **reading;
  }

  SharedReadings<std::string, std::string> readings;
  std::atomic<int> reads{0};
  bool fails{};
};

TEST_F(SharedReadingsTest, OneServesAllThatDoubtedBeforeItBegan) {
  const auto doubted_at = Clock::now();
  for (int probe = 0; probe < 100; ++probe) EXPECT_EQ(since(doubted_at).value(), "a1");
  EXPECT_EQ(reads, 1);
  EXPECT_EQ(since(Clock::now()).value(), "a2") << "a newer doubt";
  EXPECT_EQ(since(doubted_at).value(), "a2") << "the newest serves the older doubts too";
  EXPECT_EQ(reads, 2);
}

TEST_F(SharedReadingsTest, AFailedOneServesToo) {
  const auto doubted_at = Clock::now();
  fails = true;
  EXPECT_EQ(since(doubted_at).error().message, "reading 1");
  fails = false;
  EXPECT_EQ(since(doubted_at).error().message, "reading 1");
  EXPECT_EQ(since(Clock::now()).value(), "a2");
}

TEST_F(SharedReadingsTest, OneThatWasCancelledIsItsReadersAlone) {
  const auto doubted_at = Clock::now();
  for (const auto code : {Code::Cancelled, Code::DeadlineExceeded})
    EXPECT_FALSE(readings.since(doubted_at, "a", [&]() -> Result<std::string> { return no_effect(code, "mine"); }).ok());
  EXPECT_EQ(since(doubted_at).value(), "a1");
}

TEST_F(SharedReadingsTest, SourcesAreApartAndWhatWasChangedIsReadAnew) {
  const auto doubted_at = Clock::now();
  EXPECT_EQ(since(doubted_at, "a").value(), "a1");
  EXPECT_EQ(since(doubted_at, "b").value(), "b2");
  readings.forget("a");
  EXPECT_EQ(since(doubted_at, "a").value(), "a3");
  EXPECT_EQ(since(doubted_at, "b").value(), "b2");
}

TEST_F(SharedReadingsTest, WithoutATimeNothingThatWasReadBeforeWillDo) {
  EXPECT_EQ(since(Time{}).value(), "a1");
  EXPECT_EQ(since(Time{}).value(), "a2");
}

TEST_F(SharedReadingsTest, WhoAsksMeanwhileWaitsForTheOneThatReads) {
  const auto doubted_at = Clock::now();
  std::atomic<bool> may_end{false}, is_reading{false};
  const auto slow = [&]() -> Result<std::string> {
    ++reads;
    is_reading = true;
    while (!may_end) std::this_thread::yield();
    return std::string("slow");
  };
  std::vector<std::thread> threads;
  for (int number = 0; number < 8; ++number)
    threads.emplace_back([&] { EXPECT_EQ(**readings.since(doubted_at, "a", slow), "slow"); });
  while (!is_reading) std::this_thread::yield();
  EXPECT_EQ(since(doubted_at, "b").value(), "b2") << "another source waits for nobody";
  may_end = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(reads, 2);
}

}  // namespace
}  // namespace blockplug::test
