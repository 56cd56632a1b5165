// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_runner.h"

namespace blockplug::sim {

bool SimRunner::step() {
  if (events_.empty()) return false;
  auto event = events_.extract(events_.begin());
  now_ = event.key().first;
  event.mapped()();
  return true;
}

void SimRunner::start(Job job) {
  const auto name = job.lane;
  auto& lane = lanes_[name];
  lane.queue.push_back(std::move(job));
  run_next(name);
}

void SimRunner::run_next(const std::string& name) {
  auto& lane = lanes_[name];
  if (lane.queue.empty() || lane.running >= lane.queue.front().lane_width) return;
  ++lane.running;
  auto job = std::make_shared<Job>(std::move(lane.queue.front()));
  lane.queue.pop_front();
  at(now_ + delay(), [this, job, name] {
    auto answer = std::make_shared<Job::Answer>(job->work());
    const auto volume = name.starts_with("survey") ? std::string{} : volume_of_last_job();
    if (!volume.empty() && !busy_volumes.insert(volume).second) violation = "S4: two jobs of " + volume + " at once";
    at(now_ + delay(), [this, job, answer, name, volume] {
      busy_volumes.erase(volume);
      job->told(*answer);
      --lanes_[name].running;
      run_next(name);
    });
  });
}

}  // namespace blockplug::sim
