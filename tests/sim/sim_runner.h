// SPDX-License-Identifier: Apache-2.0
#pragma once
// Simulated time: a queue of events in an order drawn from the seed. Jobs take effect at one moment and are told at a later one,
// so that a crash may come between.
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "attach-detach/runner.h"

namespace blockplug::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  bool chance(double probability) { return std::uniform_real_distribution<double>(0, 1)(engine_) < probability; }
  std::size_t below(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(engine_); }

 private:
  std::mt19937_64 engine_;
};

class SimRunner : public Runner {
 public:
  explicit SimRunner(Random& random) : random_(random) {}
  using Runner::at;
  void post(std::function<void()> task) override { at(now_, std::move(task)); }
  void start(Job job) override;
  void at(Time time, std::function<void()> task, const Whose&) override {
    events_.emplace(std::pair{std::max(time, now_), ++sequence_}, std::move(task));
  }
  Time now() const override { return now_; }
  WallClock::time_point wall() const override {
    return WallClock::time_point(std::chrono::duration_cast<WallClock::duration>(now_.time_since_epoch()));
  }

  bool step();            // the next event; false: none is left
  void drop_everything()  // a crash: nothing of the process survives
  {
    events_.clear();
    lanes_.clear();
    busy_volumes.clear();
  }
  std::function<std::string()> volume_of_last_job;  // asked after each job's work
  std::set<std::string> busy_volumes;               // S4: between a job's effect and its telling
  std::string violation;

 private:
  struct Lane {
    std::deque<Job> queue;
    std::size_t running{};
  };
  void run_next(const std::string& lane);
  std::chrono::milliseconds delay() {
    return std::chrono::milliseconds(random_.chance(0.05) ? random_.below(20'000) : random_.below(50));
  }

  Random& random_;
  Time now_{std::chrono::hours(1)};
  std::uint64_t sequence_{};
  std::map<std::pair<Time, std::uint64_t>, std::function<void()>> events_;
  std::map<std::string, Lane> lanes_;
};

}  // namespace blockplug::sim
