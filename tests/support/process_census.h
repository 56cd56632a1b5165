// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel resources that this process holds: comparing before and after shows leaks.
#include <cstddef>
#include <filesystem>
#include <iterator>

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
};

}  // namespace blockplug::testing
