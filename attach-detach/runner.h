// SPDX-License-Identifier: Apache-2.0
#pragma once
// The core's only way to let time pass: start a job and be told, be called at a time, know the time.
// Production: WorkerRunner (worker_runner.h). Simulation: a queue in simulated time.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug {

enum class Turn : std::uint8_t { Up, Down };  // in a lane, jobs of both kinds take turns, so that neither starves

struct Job {
  using Answer = std::variant<Attempt, Finding>;
  std::string lane;
  Turn turn{};
  std::function<Answer()> work;      // on a worker
  std::function<void(Answer)> told;  // on the core thread
  std::size_t lane_width{1};         // jobs of the lane that run at a time; the same for all jobs of a lane
};

class Runner {
 public:
  virtual ~Runner() = default;
  virtual void post(std::function<void()> task) = 0;  // from any thread: runs it on the core thread, in order
  virtual void start(Job job) = 0;                    // core thread
  // Core thread. With `whose`: once that has gone, the task may be forgotten, and its captures with it; it is called at most once.
  using Whose = std::optional<std::weak_ptr<const void>>;
  virtual void at(Time time, std::function<void()> task, const Whose& whose) = 0;
  void at(Time time, std::function<void()> task) { at(time, std::move(task), std::nullopt); }
  virtual Time now() const = 0;
  virtual WallClock::time_point wall() const = 0;
};

}  // namespace blockplug
