// SPDX-License-Identifier: Apache-2.0
// sim [--seed N | --seeds FIRST-LAST]: runs scenarios; a failure prints the command that replays it.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/sim/scenario.h"

int main(int count, char** arguments) {
  unsigned long first = 1, last = 100;
  bool is_verbose = false;
  for (int at = 1; at + 1 < count; at += 2) {
    if (std::strcmp(arguments[at], "--seed") == 0) {
      first = last = std::strtoul(arguments[at + 1], nullptr, 10);
      is_verbose = true;
    } else if (std::strcmp(arguments[at], "--seeds") == 0) {
      char* rest = nullptr;
      first = std::strtoul(arguments[at + 1], &rest, 10);
      last = *rest == '-' ? std::strtoul(rest + 1, nullptr, 10) : first;
    }
  }
  const char* memory = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  const auto directory = std::string(memory) + "/blockplug-sim." + std::to_string(::getpid());
  long long jobs = 0, struck = 0, crashes = 0, fences = 0, events = 0;
  for (auto seed = first; seed <= last; ++seed) {
    const auto score = blockplug::sim::run_scenario(seed, directory, is_verbose);
    jobs += score.jobs, struck += score.struck, crashes += score.crashes, fences += score.fences, events += score.events;
    if (score.failure.empty()) continue;
    std::printf("seed %lu: %s\nreplay: %s --seed %lu\n", seed, score.failure.c_str(), arguments[0], seed);
    return 1;
  }
  std::printf(
      "seeds %lu-%lu, %lld events, %lld steps, %lld of them struck by a fault, %lld crashes and reboots, %lld fences: all rules "
      "held\n",
      first, last, events, jobs, struck, crashes, fences);
  return 0;
}
