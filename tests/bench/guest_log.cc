// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/guest_log.h"

#include <fstream>
#include <thread>

namespace blockplug::bench {

Status GuestLog::wait_for(const std::string& word, std::size_t count) {
  const auto limit = Clock::now() + std::chrono::seconds(30);
  while (true) {
    std::ifstream file(path_);
    std::size_t seen = 0;
    for (std::string line; std::getline(file, line);) seen += line.starts_with(word) && !file.eof() ? 1 : 0;
    if (seen >= count) return Ok{};
    if (Clock::now() > limit) return no_effect(Code::DeadlineExceeded, path_ + ": no " + word + " number " + std::to_string(count));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace blockplug::bench
