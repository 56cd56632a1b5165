// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/store_thread.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>

#include "attach-detach/worker_runner.h"
#include "tests/attach-detach/file_store.h"
#include "tests/attach-detach/rungs.h"

namespace blockplug::test {
namespace {

constexpr std::chrono::seconds kLong{60};  // only ever reached by a failure

std::unique_ptr<SqliteStore> must_open(const std::string& directory) {
  auto opened = SqliteStore::open(directory, {false});
  if (opened.ok()) return std::move(opened).value();
  ADD_FAILURE() << opened.error().message;
  return nullptr;
}

Change rung_change(int number) {
  return PutRung{{VolumeId("local/v"), TargetId("vm:a")}, {rungs::kHold, {}}, StoredState::Up, {{"n", std::to_string(number)}}, {}};
}
Changes desired() {
  PutAttachment put;
  put.key = {VolumeId("local/v"), TargetId("vm:a")};
  return {put};
}
std::string number_in(const Saved& saved) {
  return saved.volumes.at(0).attachments.at(TargetId("vm:a")).rung({rungs::kHold, {}}).facts.at("n");
}

std::string number_on_disk(const std::string& directory) {
  const auto saved = must_open(directory)->load();
  return saved.ok() && !saved->volumes.empty() ? number_in(*saved) : "";
}

class StoreThreadTest : public testing::Test {
 protected:
  ~StoreThreadTest() override { runner.stop(); }
  TempDirectory directory;
  WorkerRunner runner;
};

TEST_F(StoreThreadTest, TellsOnTheCoreThreadInTheOrderGiven) {
  StoreThread store(must_open(directory.path()), runner);
  std::promise<std::vector<int>> all;
  std::vector<int> told;
  std::set<std::thread::id> threads;
  constexpr int kCount = 500;
  for (int number = 0; number < kCount; ++number)
    store.commit({rung_change(number)}, number % 7 == 0 ? Store::Urgency::Now : Store::Urgency::Soon,
                 [&, number](const Status& status) {
                   EXPECT_TRUE(status.ok());
                   threads.insert(std::this_thread::get_id());
                   told.push_back(number);
                   if (told.size() == kCount) all.set_value(told);
                 });
  auto future = all.get_future();
  ASSERT_EQ(future.wait_for(kLong), std::future_status::ready);
  for (int number = 0; number < kCount; ++number) EXPECT_EQ(told[static_cast<std::size_t>(number)], number);
  EXPECT_EQ(threads.size(), 1U);
}

TEST_F(StoreThreadTest, WhatIsToldIsInTheFile) {
  std::promise<void> told;
  {
    StoreThread store(must_open(directory.path()), runner);
    store.commit(desired(), Store::Urgency::Soon, nullptr);
    store.commit({rung_change(5)}, Store::Urgency::Now, [&](const Status&) { told.set_value(); });
    ASSERT_EQ(told.get_future().wait_for(kLong), std::future_status::ready);
  }
  EXPECT_EQ(number_on_disk(directory.path()), "5");
}

TEST_F(StoreThreadTest, WritesWhatWasGivenBeforeItEnds) {
  {
    StoreThread store(must_open(directory.path()), runner);
    store.commit(desired(), Store::Urgency::Soon, nullptr);
    for (int number = 0; number < 100; ++number) store.commit({rung_change(number)}, Store::Urgency::Soon, nullptr);
  }
  EXPECT_EQ(number_on_disk(directory.path()), "99");
}

TEST_F(StoreThreadTest, KeepBlocksAWorkerUntilItIsDurable) {
  StoreThread store(must_open(directory.path()), runner);
  std::promise<bool> kept;
  store.commit(desired(), Store::Urgency::Soon, nullptr);
  runner.start({"lane", Turn::Up,
                [&]() -> Job::Answer {
                  kept.set_value(store.keep(rung_change(7)).ok());
                  return Attempt{Done{}};
                },
                [](const Job::Answer&) {}});
  auto future = kept.get_future();
  ASSERT_EQ(future.wait_for(kLong), std::future_status::ready);
  EXPECT_TRUE(future.get());
}

TEST_F(StoreThreadTest, KeepOfManyWorkersAtOnce) {
  StoreThread store(must_open(directory.path()), runner);
  store.commit(desired(), Store::Urgency::Now, nullptr);
  std::atomic<int> kept{};
  std::promise<void> all;
  constexpr int kCount = 20;
  for (int number = 0; number < kCount; ++number)
    runner.start({"lane " + std::to_string(number), Turn::Up,
                  [&, number]() -> Job::Answer {
                    EXPECT_TRUE(store.keep(rung_change(number)).ok());
                    if (++kept == kCount) all.set_value();
                    return Attempt{Done{}};
                  },
                  [](const Job::Answer&) {}});
  ASSERT_EQ(all.get_future().wait_for(kLong), std::future_status::ready);
}

TEST_F(StoreThreadTest, CommitsOfManyThreadsAllArrive) {
  StoreThread store(must_open(directory.path()), runner);
  std::atomic<int> told{};
  std::promise<void> all;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int number = 0; number < 100; ++number)
        store.commit({PutVolume{VolumeId("local/" + std::to_string(thread * 100 + number)), ImageId("i")}}, Store::Urgency::Soon,
                     [&](const Status&) {
                       if (++told == 400) all.set_value();
                     });
    });
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(all.get_future().wait_for(kLong), std::future_status::ready);
}

TEST_F(StoreThreadTest, LoadsWhatAnEarlierLifeWrote) {
  {
    auto changes = desired();
    changes.push_back(rung_change(3));
    EXPECT_TRUE(must_open(directory.path())->apply(changes).ok());
  }
  StoreThread store(must_open(directory.path()), runner);
  const auto saved = store.load();
  ASSERT_TRUE(saved.ok());
  EXPECT_EQ(number_in(*saved), "3");
  EXPECT_FALSE(store.is_low_on_space());
}

// Children of a process that has no threads yet.

// The n-th commit is durable, the next one is not: what waits while one is being written goes together, so the test waits for each.
TEST(StoreThreadProcess, ATestBuildEndsItselfAfterACommit) {
  const TempDirectory directory;
  const auto child = ::fork();
  if (child == 0) {
    WorkerRunner own;
    StoreThread store(std::move(SqliteStore::open(directory.path(), {false})).value(), own,
                      [left = 3]() mutable { return --left == 0; });
    Changes first = desired();
    first.push_back(rung_change(1));
    for (int number = 1; number < 10; ++number) {
      std::promise<void> told;
      Changes changes = number == 1 ? first : Changes{rung_change(number)};
      store.commit(std::move(changes), Store::Urgency::Now, [&](const Status&) { told.set_value(); });
      told.get_future().wait();
    }
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_EQ(number_on_disk(directory.path()), "3");
}

TEST(StoreThreadProcess, WhatComesWhileOneIsWrittenGoesTogether) {
  // 5,001 commits in fewer than 100 transactions: else the child would have ended itself.
  const TempDirectory directory;
  const auto child = ::fork();
  if (child == 0) {
    WorkerRunner own;
    StoreThread store(std::move(SqliteStore::open(directory.path(), {false})).value(), own,
                      [left = 100]() mutable { return --left == 0; });
    std::promise<void> all;
    own.post([&] {
      for (int number = 0; number < 5000; ++number)
        store.commit({PutVolume{VolumeId("local/v"), ImageId("i")}}, Store::Urgency::Soon, nullptr);
      store.commit({PutVolume{VolumeId("local/v"), ImageId("i")}}, Store::Urgency::Now, [&](const Status&) { all.set_value(); });
    });
    ::_exit(all.get_future().wait_for(kLong) == std::future_status::ready ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace blockplug::test
