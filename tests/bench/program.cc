// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/program.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <sstream>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/helper/spawn.h"

namespace blockplug::bench {

Result<Program> Program::find(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(path == nullptr ? "" : path);
  for (std::string directory; std::getline(directories, directory, ':');)
    if (const auto file = directory + "/" + name; ::access(file.c_str(), X_OK) == 0) return Program(file);
  return no_effect(Code::NotFound, "no program " + name + " in the PATH: run tests/packages install lab, or look at the PATH");
}

Result<std::string> Program::run(const std::vector<std::string>& arguments) const {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return no_effect(Code::ResourceExhausted, "no pipe for " + path_ + ": " + std::strerror(errno));
  const FileDescriptor from(ends[0]);
  FileDescriptor to(ends[1]);
  std::vector<std::string> command{path_};
  command.insert(command.end(), arguments.begin(), arguments.end());
  pid_t pid{};
  const int error = spawn(path_, command, {STDIN_FILENO, to.get(), STDERR_FILENO}, pid);
  if (error != 0) return no_effect(Code::Unavailable, path_ + " does not start: " + std::strerror(error));
  to = FileDescriptor();
  std::string output;
  char piece[512];
  for (ssize_t got = 0; (got = ::read(from.get(), piece, sizeof piece)) > 0;) output.append(piece, static_cast<std::size_t>(got));
  int status{};
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::string words = path_;
    for (const auto& argument : arguments) words += " " + argument;
    return maybe_effect(Code::Unavailable, words + " failed: see what it printed");
  }
  while (output.ends_with('\n')) output.pop_back();
  return output;
}

}  // namespace blockplug::bench
