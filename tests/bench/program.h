// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs a system program without a shell.
#include <string>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug::bench {

class Program {
 public:
  static Result<Program> find(const std::string& name);  // in the PATH, once
  // Waits for its end. What it printed, without the last end of line; what it complains of goes to our stderr.
  Result<std::string> run(const std::vector<std::string>& arguments) const;

 private:
  explicit Program(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace blockplug::bench
