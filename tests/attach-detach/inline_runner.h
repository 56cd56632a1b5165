// SPDX-License-Identifier: Apache-2.0
#pragma once
// A Runner without threads: nothing happens before the test says so, and then always in the same order.
#include <deque>
#include <map>

#include "attach-detach/runner.h"

namespace blockplug::test {

class InlineRunner : public Runner {
 public:
  void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }
  void start(Job job) override { jobs_.push_back(std::move(job)); }
  using Runner::at;
  void at(Time time, std::function<void()> task, const Whose&) override { timers_.emplace(time, std::move(task)); }
  Time now() const override { return now_; }
  WallClock::time_point wall() const override {
    return WallClock::time_point(std::chrono::duration_cast<WallClock::duration>(now_.time_since_epoch()));
  }

  void run_tasks() {  // no jobs
    while (!tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }
  bool run_job() {  // the oldest, with what it leads to but no other job
    run_tasks();
    if (jobs_.empty()) return false;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    job.told(job.work());
    run_tasks();
    return true;
  }
  void run() {  // until only timers are left
    while (run_job()) continue;
  }
  void pass(std::chrono::milliseconds duration) {
    const auto until = now_ + duration;
    run();
    while (!timers_.empty() && timers_.begin()->first <= until) {
      auto timer = timers_.extract(timers_.begin());
      now_ = std::max(now_, timer.key());
      timer.mapped()();
      run();
    }
    now_ = until;
  }
  Job hold_next_job() {  // as if it hung
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    return job;
  }
  void set_now(Time time) { now_ = time; }  // while a job runs
  std::size_t waiting_jobs() const { return jobs_.size(); }
  const Job& next_job() const { return jobs_.front(); }
  void drop_everything() {  // a crash
    tasks_.clear();
    jobs_.clear();
    timers_.clear();
  }

 private:
  Time now_{std::chrono::hours(1000)};
  std::deque<std::function<void()>> tasks_;
  std::deque<Job> jobs_;
  std::multimap<Time, std::function<void()>> timers_;
};

}  // namespace blockplug::test
