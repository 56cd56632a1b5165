// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs the CLI for a test: in this process, in its own directory, at a fixed time.
#include <stdlib.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "tests/volume-plugin/cli/samples.h"
#include "volume-plugin/cli/run.h"

namespace blockplug::cli::testing {

struct Ran {
  ExitCode code{};
  std::string out, err;
};

class Program {
 public:
  Program() {
    std::string pattern = "/tmp/blockplug-cli-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Program() { std::filesystem::remove_all(folder_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::string socket() const { return folder_ / "admin.sock"; }
  Ran run(std::vector<std::string> words, std::stop_token interrupted = {}, Progress progress = Progress::Silent) const {
    words.insert(words.begin(), {"--endpoint", "unix://" + socket()});
    return run_as_it_is(words, std::move(interrupted), progress);
  }
  static Ran run_as_it_is(const std::vector<std::string>& words, std::stop_token interrupted = {},
                          Progress progress = Progress::Silent) {
    std::ostringstream out, err;
    const Console console{out, err, progress, std::move(interrupted), [] { return kNow; }};
    const auto code = cli::run(words, console);
    return {code, out.str(), err.str()};
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace blockplug::cli::testing
