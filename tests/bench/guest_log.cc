// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/guest_log.h"

#include <fstream>
#include <thread>

namespace blockplug::bench {

std::size_t GuestLog::count(const std::string& word) const {
  std::ifstream file(path_);
  std::size_t seen = 0;
  for (std::string line; std::getline(file, line);) seen += line.starts_with(word) && !file.eof() ? 1 : 0;
  return seen;
}

Status GuestLog::wait_for(const std::string& word, std::size_t wanted) {
  const auto limit = Clock::now() + std::chrono::seconds(30);
  while (count(word) < wanted) {
    if (Clock::now() > limit)
      return no_effect(Code::DeadlineExceeded, path_ + ": no " + word + " number " + std::to_string(wanted));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return Ok{};
}

}  // namespace blockplug::bench
