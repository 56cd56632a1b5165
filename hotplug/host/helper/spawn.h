// SPDX-License-Identifier: Apache-2.0
#pragma once
// Starts a program that inherits nothing else: three descriptors, a fixed environment, default signals, / as its directory, no
// shell. For Helper (in the daemon, many threads) and run_program (in the helper).
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>

#include <cerrno>
#include <string>
#include <vector>

namespace blockplug {

struct SpawnWith {
  int in{}, out{}, error{};  // descriptors for its 0, 1, 2
  short flags{};             // more POSIX_SPAWN_*: POSIX_SPAWN_SETSID
};

// The error number of posix_spawn, or 0 and the pid. `program` is a path.
inline int spawn(const std::string& program, const std::vector<std::string>& command, const SpawnWith& with, pid_t& pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (::posix_spawn_file_actions_init(&actions) != 0 || ::posix_spawnattr_init(&attributes) != 0) return ENOMEM;
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | with.flags));
  ::posix_spawn_file_actions_adddup2(&actions, with.in, 0);
  ::posix_spawn_file_actions_adddup2(&actions, with.out, 1);
  ::posix_spawn_file_actions_adddup2(&actions, with.error, 2);
  ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  ::posix_spawn_file_actions_addchdir_np(&actions, "/");
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LANG=C";
  char* environment[] = {path, language, nullptr};
  std::vector<char*> words;
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));  // execve's type; it does not write
  words.push_back(nullptr);
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, words.data(), environment);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  return error;
}

}  // namespace blockplug
