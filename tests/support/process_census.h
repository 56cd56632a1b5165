// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel resources that this process holds: comparing before and after shows leaks.
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <thread>

namespace blockplug::testing {

struct ProcessCensus {
  std::ptrdiff_t fds{};
  std::ptrdiff_t threads{};
  bool operator==(const ProcessCensus&) const = default;

  static ProcessCensus now() {
    const auto count = [](const char* folder) {
      return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
    };
    return {.fds = count("/proc/self/fd"), .threads = count("/proc/self/task")};
  }

  // As soon as it is so, or after 10 s whatever it is then: the kernel may list a thread for a moment after it was joined.
  template <typename Predicate>
  static ProcessCensus once(Predicate is_so) {
    for (int tries = 0; !is_so(now()) && tries < 1000; ++tries) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return now();
  }
  static ProcessCensus once_it_is(const ProcessCensus& wanted) {
    return once([&](const ProcessCensus& seen) { return seen == wanted; });
  }
};

}  // namespace blockplug::testing
