// SPDX-License-Identifier: Apache-2.0
#pragma once
// The production Runner: the core thread, and workers that run jobs, in each lane as many at a time as it is wide. In a lane
// attaches and detaches take turns. A hung job costs one worker; there are kMostWorkers. Where the system refuses one more thread
// (TasksMax), those that are there do the work, and another one is tried for a little later.
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "attach-detach/runner.h"

namespace blockplug {

class WorkerRunner : public Runner {
 public:
  static constexpr std::size_t kMostWorkers = 512;
  struct Options {
    std::function<std::thread(std::function<void()>)> start_thread = [](std::function<void()> work) {
      return std::thread(std::move(work));
    };
    std::chrono::milliseconds retry{1000};
    std::function<void(const std::string& why)>
        on_refused{};  // no thread for one more worker; on any thread, at most once per retry
  };
  WorkerRunner() : WorkerRunner(Options{}) {}
  explicit WorkerRunner(Options options);
  ~WorkerRunner() override;
  void
  stop();  // returns when the jobs that run now have ended; what is queued is dropped. Before anything that tasks refer to goes

  void post(std::function<void()> task) override;
  void start(Job job) override;
  using Runner::at;
  void at(Time time, std::function<void()> task, const Whose& whose) override;
  Time now() const override { return Clock::now(); }
  WallClock::time_point wall() const override { return WallClock::now(); }

 private:
  struct Lane {
    std::deque<Job> up, down;
    Turn last{Turn::Up};
    std::size_t running{};
  };
  const Options options_;
  void run_core();
  void run_worker();
  void dispatch(const std::string& name, Lane& lane);  // with lanes_mutex_ held
  void add_worker_where_needed();                      // with lanes_mutex_ held

  static constexpr std::size_t kFewTimers = 1024;
  std::mutex core_mutex_;
  std::condition_variable core_changed_;
  std::deque<std::function<void()>> tasks_;
  struct Timer {
    std::function<void()> task;
    Whose whose;
  };
  void forget_timers_of_nobody();  // with core_mutex_ held
  std::multimap<Time, Timer> timers_;
  std::size_t timers_to_look_at_{kFewTimers};  // when there are so many, those of nobody are forgotten
  bool is_ending_{};

  std::mutex lanes_mutex_;
  std::condition_variable lanes_changed_;
  std::unordered_map<std::string, Lane> lanes_;
  std::deque<std::pair<std::string, Job>> ready_;
  std::size_t idle_workers_{};
  bool are_workers_ending_{}, is_retry_due_{};
  std::vector<std::thread> workers_;
  std::thread core_;
};

}  // namespace blockplug
