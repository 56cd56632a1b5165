// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/process/process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/hotplug/host/process/sleeper.h"

namespace blockplug {
namespace {
using testing::Sleeper;

TEST(Process, IsProvenDeadByItsEndAndByNothingLess) {
  Sleeper sleeper;
  const auto process = identify_process(sleeper.pid());
  ASSERT_TRUE(process.has_value());
  EXPECT_FALSE(is_proven_dead(*process));
  EXPECT_TRUE(watch_process(*process).is_open());
  EXPECT_LT(age_of(*process), std::chrono::minutes(1));
  sleeper.kill();
  EXPECT_TRUE(is_proven_dead(*process)) << "a zombie writes nothing any more";
  EXPECT_FALSE(identify_process(sleeper.pid()).has_value());
  sleeper.bury();
  EXPECT_TRUE(is_proven_dead(*process));
  EXPECT_FALSE(watch_process(*process).is_open());
}

TEST(Process, IsNotALaterOneWithTheSamePid) {
  auto process = *identify_process(::getpid());
  EXPECT_FALSE(is_proven_dead(process));
  process.start_time += 1;
  EXPECT_TRUE(is_proven_dead(process));
  process = *identify_process(::getpid());
  process.boot_id = "another boot";
  EXPECT_TRUE(is_proven_dead(process));
}

TEST(Process, HasAPidfdThatTellsItsEnd) {
  Sleeper sleeper;
  const auto pidfd = watch_process(*identify_process(sleeper.pid()));
  pollfd ready{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ready, 1, 0), 0);
  sleeper.kill();
  EXPECT_EQ(::poll(&ready, 1, 10000), 1);
}

TEST(Process, IsKeptInFactsAndReadBack) {
  const auto process = *identify_process(::getpid());
  Facts facts;
  put_facts(process, facts);
  EXPECT_EQ(process_from_facts(facts), process);
  EXPECT_EQ(process_from_facts({}), std::nullopt);
  facts["process.pid"] = "x";
  EXPECT_EQ(process_from_facts(facts), std::nullopt);
}

}  // namespace
}  // namespace blockplug
