// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/leftovers.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "hotplug/qmp/file_descriptor.h"

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
    const qmp::FileDescriptor loop(::open(("/dev/" + device.path().filename().native()).c_str(), O_RDONLY | O_CLOEXEC));
    ::ioctl(loop.get(), LOOP_CLR_FD, 0);
  }
}

}  // namespace

Leftovers::~Leftovers() {
  const auto mounts = mounts_below(directory_);
  for (auto at = mounts.rbegin(); at != mounts.rend(); ++at) ::umount2(at->c_str(), MNT_DETACH);
  free_loops_below(directory_);
}

}  // namespace blockplug::bench
