// SPDX-License-Identifier: Apache-2.0
#pragma once
// Real images and loop devices for tests, and system programs to fill them. Everything is removed with its owner.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/hotplug/sizes.h"

namespace blockplug::testing {
namespace files = std::filesystem;

struct Ended {
  int exit_status{};
  std::string output{};
};

inline Ended run(std::vector<std::string> command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {127, "pipe"};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  std::vector<char*> arguments;
  for (auto& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* environment[] = {path, nullptr};
  pid_t pid{};
  const int error = ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environment);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  Ended ended{127, {}};
  char piece[4096];
  for (ssize_t got = 0; error == 0 && (got = ::read(ends[0], piece, sizeof piece)) > 0;)
    ended.output.append(piece, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status{};
  if (error == 0 && ::waitpid(pid, &status, 0) == pid) ended.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  while (!ended.output.empty() && ended.output.back() == '\n') ended.output.pop_back();
  return ended;
}

// For steps that must succeed for the test to be meaningful.
inline std::string must(std::vector<std::string> command) {
  std::string shown;
  for (const auto& word : command) shown += word + " ";
  const auto ended = run(std::move(command));
  EXPECT_EQ(ended.exit_status, 0) << shown << ": " << ended.output;
  return ended.output;
}

class Scratch {
 public:
  Scratch() {
    std::string pattern = ::testing::TempDir() + "/bp-XXXXXX";
    path_ = files::canonical(::mkdtemp(pattern.data()));
  }
  ~Scratch() {
    std::error_code problem;
    files::remove_all(path_, problem);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string at(const std::string& name) const { return path_ / name; }

 private:
  files::path path_;
};

inline void make_file(const std::string& path, std::int64_t size_bytes) {
  { std::ofstream file{path}; }
  files::resize_file(path, static_cast<std::uintmax_t>(size_bytes));
}

inline void put_bytes(const std::string& path, std::int64_t offset, const std::string& bytes) {
  std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
  file.seekp(offset);
  file << bytes;
}

inline std::string all_bytes(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream{path, std::ios::binary}.rdbuf();
  return text.str();
}

// A loop device over a file. `options`: "--read-only".
class Loop {
 public:
  explicit Loop(const std::string& file, std::vector<std::string> options = {}) {
    std::vector<std::string> command{"losetup", "--find", "--show", file};
    command.insert(command.begin() + 1, options.begin(), options.end());
    device_ = must(command);
    device_.erase(0, device_.rfind('\n') + 1);  // a warning may precede it
  }
  ~Loop() {
    if (!device_.empty()) run({"losetup", "--detach", device_});
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  const std::string& device() const { return device_; }
  std::string number() const {
    struct stat status {};
    EXPECT_EQ(::stat(device_.c_str(), &status), 0);
    return std::to_string(major(status.st_rdev)) + ":" + std::to_string(minor(status.st_rdev));
  }
  void grow_with_file() const { must({"losetup", "--set-capacity", device_}); }

 private:
  std::string device_;
};

}  // namespace blockplug::testing
