// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/process/processes.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

namespace blockplug {
namespace {

bool is_running(pid_t pid) {
  const auto all = running_processes();
  return std::ranges::find(all, std::filesystem::path{"/proc/" + std::to_string(pid)}) != all.end();
}

TEST(Processes, AreAllThatRunAndNothingElseOfProc) {
  EXPECT_TRUE(is_running(::getpid()));
  EXPECT_TRUE(is_running(1));
  for (const auto& process : running_processes()) EXPECT_GT(std::atoi(process.filename().c_str()), 0) << process;
}

TEST(Processes, AreNamedFitForAMessage) {
  const std::string self = "/proc/" + std::to_string(::getpid());
  char before[16]{};
  ::prctl(PR_GET_NAME, before);
  ::prctl(PR_SET_NAME, "Web\n\xff Content");  // of this thread, which is the process's first
  EXPECT_EQ(command_of(self), "Web");
  ::prctl(PR_SET_NAME, "\xff Content");
  EXPECT_EQ(title_of(self), "process " + std::to_string(::getpid()) + " (\\xff Content)");
  ::prctl(PR_SET_NAME, before);
}

TEST(Processes, ThatAreGoneHaveNothing) {
  EXPECT_TRUE(names_in("/proc/0/fd").empty());
  EXPECT_EQ(namespace_link("/proc/0"), "");
  EXPECT_EQ(command_of("/proc/0"), "");
  EXPECT_TRUE(namespace_link("/proc/self").starts_with("mnt:["));
}

}  // namespace
}  // namespace blockplug
