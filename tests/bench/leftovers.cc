// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/leftovers.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include "hotplug/host/file_descriptor.h"
#include "hotplug/host/process/process.h"

namespace blockplug::bench {
namespace {

bool is_below(const std::string& path, const std::string& directory) { return path.starts_with(directory + "/"); }

std::vector<std::string> mounts_below(const std::string& directory) {
  std::vector<std::string> found;
  std::ifstream table("/proc/self/mountinfo");
  for (std::string line, number, parent, device, root, path; std::getline(table, line);) {
    std::istringstream(line) >> number >> parent >> device >> root >> path;
    if (is_below(path, directory)) found.push_back(path);
  }
  return found;
}

void free_loops_below(const std::string& directory) {
  std::error_code error;
  for (const auto& device : std::filesystem::directory_iterator("/sys/block", error)) {
    std::ifstream file(device.path() / "loop/backing_file");
    std::string backing;
    if (!std::getline(file, backing) || !is_below(backing, directory)) continue;
    const FileDescriptor loop(::open(("/dev/" + device.path().filename().native()).c_str(), O_RDONLY | O_CLOEXEC));
    ::ioctl(loop.get(), LOOP_CLR_FD, 0);
  }
}

// Its command line names its program and what it serves there.
bool is_storage_daemon_of(const std::filesystem::path& process, const std::string& directory) {
  std::ifstream file(process / "cmdline");
  const std::string words(std::istreambuf_iterator<char>(file), {});
  return words.substr(0, words.find('\0')).ends_with("qemu-storage-daemon") && words.find(directory + "/") != std::string::npos;
}

void end(const ProcessId& process) {
  constexpr int kPatience = 5'000;
  const auto ending = watch_process(process);
  if (!ending.is_open()) return;
  pollfd ended{.fd = ending.get(), .events = POLLIN, .revents = 0};
  ::kill(process.pid, SIGTERM);
  if (::poll(&ended, 1, kPatience) != 1) ::kill(process.pid, SIGKILL);
}

void end_storage_daemons(const std::string& directory) {
  std::error_code error;
  for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
    if (!is_storage_daemon_of(process.path(), directory)) continue;
    if (const auto identity = identify_process(std::stoi(process.path().filename()))) end(*identity);
  }
}

}  // namespace

Leftovers::~Leftovers() {
  const auto mounts = mounts_below(directory_);
  for (auto at = mounts.rbegin(); at != mounts.rend(); ++at) ::umount2(at->c_str(), MNT_DETACH);
  free_loops_below(directory_);
  end_storage_daemons(directory_);
}

}  // namespace blockplug::bench
