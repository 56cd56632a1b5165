// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/worker_runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>

namespace blockplug::test {
namespace {

constexpr std::chrono::seconds kLong{60};  // only ever reached by a failure

Job::Answer done() { return Attempt{Done{}}; }

// A job that says when it has begun, and ends when it is let go.
struct Held {
  std::promise<void> begun, go, told;
  Job job(const std::string& lane) {
    return {lane, Turn::Up,
            [this] {
              begun.set_value();
              go.get_future().wait();
              return done();
            },
            [this](const Job::Answer&) { told.set_value(); }};
  }
  bool has_begun() { return begun.get_future().wait_for(kLong) == std::future_status::ready; }
  bool was_told() { return told.get_future().wait_for(kLong) == std::future_status::ready; }
};

TEST(WorkerRunner, RunsTasksInOrderOnOneThread) {
  WorkerRunner runner;
  std::vector<int> ran;
  std::set<std::thread::id> threads;
  std::promise<void> all;
  for (int task = 0; task < 1000; ++task)
    runner.post([&, task] {
      ran.push_back(task);
      threads.insert(std::this_thread::get_id());
      if (task == 999) all.set_value();
    });
  ASSERT_EQ(all.get_future().wait_for(kLong), std::future_status::ready);
  runner.stop();
  for (int task = 0; task < 1000; ++task) EXPECT_EQ(ran[static_cast<std::size_t>(task)], task);
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(WorkerRunner, RunsTasksOfManyThreads) {
  WorkerRunner runner;
  std::atomic<int> ran{};
  std::promise<void> all;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      for (int task = 0; task < 500; ++task)
        runner.post([&] {
          if (++ran == 2000) all.set_value();
        });
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(all.get_future().wait_for(kLong), std::future_status::ready);
}

TEST(WorkerRunner, TellsTheAnswerOnTheCoreThread) {
  WorkerRunner runner;
  std::promise<std::thread::id> core, worker, told;
  std::promise<std::string> answer;
  runner.post([&] {
    core.set_value(std::this_thread::get_id());
    runner.start({"lane", Turn::Up,
                  [&]() -> Job::Answer {
                    worker.set_value(std::this_thread::get_id());
                    return Finding{Standing::Stale, {}, "why"};
                  },
                  [&](const Job::Answer& given) {
                    told.set_value(std::this_thread::get_id());
                    answer.set_value(std::get<Finding>(given).why);
                  }});
  });
  auto future = answer.get_future();
  ASSERT_EQ(future.wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(future.get(), "why");
  const auto core_id = core.get_future().get();
  EXPECT_EQ(told.get_future().get(), core_id);
  EXPECT_NE(worker.get_future().get(), core_id);
}

TEST(WorkerRunner, RunsOneJobAtATimeInALane) {
  WorkerRunner runner;
  std::map<std::string, std::atomic<int>> running;
  std::atomic<int> left{400};
  std::promise<void> all;
  for (const auto* lane : {"a", "b", "c", "d"}) running[lane] = 0;
  for (int job = 0; job < 400; ++job) {
    const std::string lane(1, static_cast<char>('a' + job % 4));
    auto& here = running[lane];
    runner.start({lane, job % 3 == 0 ? Turn::Down : Turn::Up,
                  [&here] {
                    EXPECT_EQ(++here, 1);
                    std::this_thread::yield();
                    EXPECT_EQ(--here, 0);
                    return done();
                  },
                  [&](const Job::Answer&) {
                    if (--left == 0) all.set_value();
                  }});
  }
  EXPECT_EQ(all.get_future().wait_for(kLong), std::future_status::ready);
}

TEST(WorkerRunner, LetsAttachesAndDetachesTakeTurns) {
  WorkerRunner runner;
  Held first;
  runner.start(first.job("lane"));
  ASSERT_TRUE(first.has_begun());
  std::string order;
  int told = 0;
  std::promise<void> all;
  const auto start = [&](Turn turn, char name) {
    runner.start({"lane", turn, [&order, name] { return order += name, done(); },
                  [&](const Job::Answer&) {
                    if (++told == 8) all.set_value();
                  }});
  };
  for (const char name : {'1', '2', '3', '4'}) start(Turn::Up, name);
  for (const char name : {'a', 'b', 'c', 'd'}) start(Turn::Down, name);
  first.go.set_value();
  ASSERT_EQ(all.get_future().wait_for(kLong), std::future_status::ready);
  runner.stop();
  EXPECT_EQ(order, "a1b2c3d4");
}

TEST(WorkerRunner, AHungLaneStopsNoOther) {
  WorkerRunner runner;
  std::vector<std::unique_ptr<Held>> hung;
  for (int lane = 0; lane < 20; ++lane) {
    hung.push_back(std::make_unique<Held>());
    runner.start(hung.back()->job("hung " + std::to_string(lane)));
  }
  for (auto& held : hung) ASSERT_TRUE(held->has_begun());  // all at once: each has a worker
  std::promise<void> other;
  runner.start({"other", Turn::Up, done, [&](const Job::Answer&) { other.set_value(); }});
  EXPECT_EQ(other.get_future().wait_for(kLong), std::future_status::ready);
  for (auto& held : hung) held->go.set_value();
  for (auto& held : hung) EXPECT_TRUE(held->was_told());
}

TEST(WorkerRunner, AWideLaneRunsAsManyAtATimeAndNoMore) {
  WorkerRunner runner;
  std::vector<std::unique_ptr<Held>> hung;
  for (int number = 0; number < 3; ++number) {
    hung.push_back(std::make_unique<Held>());
    auto job = hung.back()->job("wide");
    job.lane_width = 4;
    runner.start(std::move(job));
  }
  for (auto& held : hung) ASSERT_TRUE(held->has_begun());
  std::atomic<int> now{}, most{};
  std::promise<void> all;
  std::atomic<int> left{50};
  for (int number = 0; number < 50; ++number) {  // one place is left, and they pass through it one by one
    const auto work = [&] {
      most = std::max<int>(most, ++now);
      --now;
      return done();
    };
    runner.start({"wide", number % 2 == 0 ? Turn::Up : Turn::Down, work,
                  [&](const Job::Answer&) {
                    if (--left == 0) all.set_value();
                  },
                  4});
  }
  EXPECT_EQ(all.get_future().wait_for(kLong), std::future_status::ready) << "what hangs delays the others";
  EXPECT_EQ(most, 1);
  for (auto& held : hung) held->go.set_value();
  for (auto& held : hung) EXPECT_TRUE(held->was_told());
}

TEST(WorkerRunner, MoreLanesThanWorkersAllGetTheirTurn) {
  WorkerRunner runner;
  constexpr int kLanes = static_cast<int>(WorkerRunner::kMostWorkers) * 3;
  std::atomic<int> left{kLanes};
  std::promise<void> all;
  for (int lane = 0; lane < kLanes; ++lane)
    runner.start({"lane " + std::to_string(lane), Turn::Up, done, [&](const Job::Answer&) {
                    if (--left == 0) all.set_value();
                  }});
  EXPECT_EQ(all.get_future().wait_for(kLong), std::future_status::ready);
}

TEST(WorkerRunner, CallsTimersInTheirOrder) {
  WorkerRunner runner;
  std::vector<int> called;
  std::promise<void> all;
  runner.post([&] {
    const auto now = runner.now();
    for (const int timer : {3, 1, 2})
      runner.at(now + std::chrono::milliseconds(timer), [&, timer, now] {
        EXPECT_GE(runner.now(), now + std::chrono::milliseconds(timer));
        called.push_back(timer);
        if (called.size() == 3) all.set_value();
      });
  });
  ASSERT_EQ(all.get_future().wait_for(kLong), std::future_status::ready);
  runner.stop();
  EXPECT_EQ(called, (std::vector<int>{1, 2, 3}));
}

TEST(WorkerRunner, ATimerOfThePastIsCalledAndOneOfTheFutureStopsNothing) {
  WorkerRunner runner;
  std::promise<void> past, task;
  bool was_future_called = false;
  runner.post([&] {
    runner.at(runner.now() + std::chrono::hours(1), [&] { was_future_called = true; });
    runner.at(runner.now() - std::chrono::hours(1), [&] { past.set_value(); });
    runner.post([&] { task.set_value(); });
  });
  EXPECT_EQ(past.get_future().wait_for(kLong), std::future_status::ready);
  EXPECT_EQ(task.get_future().wait_for(kLong), std::future_status::ready);
  runner.stop();
  EXPECT_FALSE(was_future_called);
}

// A call that has ended leaves its deadline of an hour; what that holds must not pile up.
TEST(WorkerRunner, ForgetsTimersOfThoseWhoAreGone) {
  WorkerRunner runner;
  const auto kept = std::make_shared<int>();
  std::promise<void> all;
  std::promise<long> left;
  runner.post([&] {
    const auto later = runner.now() + std::chrono::hours(1);
    for (int call = 0; call < 10'000; ++call) {
      const auto caller = std::make_shared<int>();
      runner.at(
          later, [held = kept] {}, caller);
    }
    left.set_value(kept.use_count());
    const auto caller = std::make_shared<int>();
    runner.at(
        runner.now(), [&, caller] { all.set_value(); }, caller);
  });
  EXPECT_LT(left.get_future().get(), 2000);
  EXPECT_EQ(all.get_future().wait_for(kLong), std::future_status::ready) << "one of somebody is called";
}

TEST(WorkerRunner, StopWaitsForWhatRunsAndDropsWhatIsQueued) {
  WorkerRunner runner;
  Held held;
  std::atomic<bool> was_queued_run{};
  runner.start(held.job("lane"));
  ASSERT_TRUE(held.has_begun());
  runner.start({"lane", Turn::Up,
                [&] {
                  was_queued_run = true;
                  return done();
                },
                [](const Job::Answer&) {}});
  std::promise<void> stopping;
  auto stopped = std::async(std::launch::async, [&] {
    stopping.set_value();
    runner.stop();
  });
  stopping.get_future().wait();
  held.go.set_value();
  ASSERT_EQ(stopped.wait_for(kLong), std::future_status::ready);
  runner.stop();  // twice
}

// The system has no thread to give for so many times.
struct Refusing {
  std::atomic<int> times, asked{}, told{};
  explicit Refusing(int how_often) : times(how_often) {}
  WorkerRunner::Options options() {
    return {.start_thread =
                [this](std::function<void()> work) {
                  ++asked;
                  if (--times >= 0) throw std::system_error(EAGAIN, std::generic_category());
                  return std::thread(std::move(work));
                },
            .retry = std::chrono::milliseconds(1),
            .on_refused = [this](const std::string&) { ++told; }};
  }
};

TEST(WorkerRunner, WithoutAThreadForAWorkerTriesAgainAndGoesOn) {
  Refusing refusing(3);
  WorkerRunner runner(refusing.options());
  Held held;
  std::promise<void> posted;
  runner.post([&] {  // where the system's refusal once ended the daemon
    runner.start(held.job("lane"));
    posted.set_value();
  });
  ASSERT_EQ(posted.get_future().wait_for(kLong), std::future_status::ready);
  ASSERT_TRUE(held.has_begun());
  held.go.set_value();
  EXPECT_TRUE(held.was_told());
  EXPECT_EQ(refusing.asked, 4);
  EXPECT_EQ(refusing.told, 3) << "of each refusal";
}

TEST(WorkerRunner, WithTooFewThreadsDoesTheWorkWithThoseThatAreThere) {
  Refusing refusing(0);
  auto options = refusing.options();
  options.retry = std::chrono::hours(1);
  WorkerRunner runner(options);
  Held first, second, third;
  runner.start(first.job("a"));
  ASSERT_TRUE(first.has_begun());
  refusing.times = 1'000'000;
  runner.start(second.job("b"));
  runner.start(third.job("c"));
  EXPECT_EQ(refusing.asked, 2) << "one refusal is enough until it is time to try again";
  for (auto* held : {&first, &second, &third}) held->go.set_value();
  EXPECT_TRUE(first.was_told());
  EXPECT_TRUE(second.was_told());
  EXPECT_TRUE(third.was_told());
}

TEST(WorkerRunner, StopsWithoutEverHavingRun) {
  WorkerRunner runner;
  runner.stop();
  runner.post([] { FAIL() << "ran after stop"; });
}

}  // namespace
}  // namespace blockplug::test
