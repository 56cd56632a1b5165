// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/doctor/system.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace blockplug::doctor {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool has_module(const std::string& root, const std::string& name) {
  auto release = text_of(root + "/proc/sys/kernel/osrelease");
  release.erase(release.find_last_not_of('\n') + 1);
  // A line each: "kernel/fs/xfs/xfs.ko: kernel/lib/libcrc32c.ko"; the file may be compressed (.ko.xz).
  std::ifstream modules(root + "/lib/modules/" + release + "/modules.dep");
  for (std::string line; std::getline(modules, line);)
    if (line.substr(0, line.find(':')).find("/" + name + ".ko") != std::string::npos) return true;
  return false;
}

bool may_be_run(const std::string& program) {
  struct stat found {};
  return ::stat(program.c_str(), &found) == 0 && S_ISREG(found.st_mode) && ::access(program.c_str(), X_OK) == 0;
}

std::string lowest_existing(const std::string& directory) {
  std::filesystem::path path = directory;
  while (path.has_relative_path() && !exists(path)) path = path.parent_path();
  return path;
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

}  // namespace blockplug::doctor
