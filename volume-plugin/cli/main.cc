// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "volume-plugin/cli/interrupts.h"
#include "volume-plugin/cli/run.h"

int main(int count, char** words) {
  using namespace blockplug::cli;
  ::setenv("GRPC_VERBOSITY", "NONE", 0);  // with -o json the standard error has exactly one line
  const Interrupts interrupts;
  const Console console{.out = std::cout,
                        .err = std::cerr,
                        .progress = ::isatty(STDERR_FILENO) == 1 ? Progress::Shown : Progress::Silent,
                        .interrupted = interrupts.token(),
                        .now = blockplug::WallClock::now};
  return static_cast<int>(run({words + 1, words + count}, console));
}
