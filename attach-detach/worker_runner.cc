// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/worker_runner.h"

#include <system_error>
#include <utility>

namespace blockplug {

WorkerRunner::WorkerRunner(Options options) : options_(std::move(options)), core_([this] { run_core(); }) {}

WorkerRunner::~WorkerRunner() { stop(); }

void WorkerRunner::stop() {
  if (!core_.joinable()) return;
  {
    const std::lock_guard lock(lanes_mutex_);
    are_workers_ending_ = true;
  }
  lanes_changed_.notify_all();
  {
    const std::lock_guard lock(core_mutex_);
    is_ending_ = true;
  }
  core_changed_.notify_all();
  core_.join();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
}

void WorkerRunner::post(std::function<void()> task) {
  {
    const std::lock_guard lock(core_mutex_);
    tasks_.push_back(std::move(task));
  }
  core_changed_.notify_one();
}

void WorkerRunner::at(Time time, std::function<void()> task, const Whose& whose) {
  {
    const std::lock_guard lock(core_mutex_);
    timers_.emplace(time, Timer{std::move(task), whose});
    if (timers_.size() >= timers_to_look_at_) forget_timers_of_nobody();
  }
  core_changed_.notify_one();
}

// A call that ended early leaves its deadline, of an hour perhaps. So there are never more than twice as many as are needed.
void WorkerRunner::forget_timers_of_nobody() {
  std::erase_if(timers_, [](const auto& entry) { return entry.second.whose && entry.second.whose->expired(); });
  timers_to_look_at_ = std::max(kFewTimers, timers_.size() * 2);
}

void WorkerRunner::run_core() {
  std::unique_lock lock(core_mutex_);
  const auto has_due = [&] { return !timers_.empty() && timers_.begin()->first <= Clock::now(); };
  while (!is_ending_) {
    if (tasks_.empty() && !has_due()) {
      if (timers_.empty())
        core_changed_.wait(lock);
      else
        core_changed_.wait_until(lock, Time(timers_.begin()->first));
      continue;
    }
    std::function<void()> task;
    if (has_due()) {
      task = std::move(timers_.begin()->second.task);
      timers_.erase(timers_.begin());
    } else {
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

void WorkerRunner::start(Job job) {
  const std::lock_guard lock(lanes_mutex_);
  const auto name = job.lane;
  auto& lane = lanes_[name];
  (job.turn == Turn::Up ? lane.up : lane.down).push_back(std::move(job));
  dispatch(name, lane);
}

void WorkerRunner::dispatch(const std::string& name, Lane& lane) {
  while (true) {
    auto& other = lane.last == Turn::Up ? lane.down : lane.up;
    auto& same = lane.last == Turn::Up ? lane.up : lane.down;
    auto& queue = other.empty() ? same : other;
    if (queue.empty()) {
      if (lane.running == 0) lanes_.erase(name);
      return;
    }
    if (lane.running >= queue.front().lane_width) return;
    ++lane.running;
    lane.last = queue.front().turn;
    ready_.emplace_back(name, std::move(queue.front()));
    queue.pop_front();
    add_worker_where_needed();
    lanes_changed_.notify_one();
  }
}

void WorkerRunner::add_worker_where_needed() {
  if (idle_workers_ >= ready_.size() || workers_.size() >= kMostWorkers || are_workers_ending_ || is_retry_due_) return;
  try {
    workers_.push_back(options_.start_thread([this] { run_worker(); }));
  } catch (const std::system_error& error) {
    // What is ready waits for the workers that are there, or for the next try: they may all hang, and there may be none.
    is_retry_due_ = true;
    at(Clock::now() + options_.retry, [this] {
      const std::lock_guard lock(lanes_mutex_);
      is_retry_due_ = false;
      for (auto waiting = ready_.size(); waiting > 0; --waiting) add_worker_where_needed();
    });
    if (options_.on_refused) options_.on_refused(error.what());
  }
}

void WorkerRunner::run_worker() {
  std::unique_lock lock(lanes_mutex_);
  while (true) {
    ++idle_workers_;
    lanes_changed_.wait(lock, [&] { return are_workers_ending_ || !ready_.empty(); });
    --idle_workers_;
    if (are_workers_ending_) return;
    auto [name, job] = std::move(ready_.front());
    ready_.pop_front();
    lock.unlock();
    auto answer = job.work();
    job.work = nullptr;
    post([told = std::move(job.told), answer = std::move(answer)] { told(answer); });
    lock.lock();
    auto& lane = lanes_.at(name);
    --lane.running;
    dispatch(name, lane);
  }
}

}  // namespace blockplug
