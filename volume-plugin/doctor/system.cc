// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/doctor/system.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace blockplug::doctor {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

FileDescriptor new_file_in(const std::string& directory) {
  FileDescriptor nameless(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (nameless.is_open()) return nameless;
  auto name = directory + "/.blockplug-doctor-XXXXXX";
  FileDescriptor named(::mkostemp(name.data(), O_CLOEXEC));
  if (named.is_open()) ::unlink(name.c_str());
  return named;
}

bool has_module(const std::string& root, const std::string& name) {
  auto release = text_of(root + "/proc/sys/kernel/osrelease");
  release.erase(release.find_last_not_of('\n') + 1);
  // Each line: "kernel/fs/xfs/xfs.ko: kernel/lib/libcrc32c.ko"; the module may be compressed (.ko.xz).
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

}  // namespace blockplug::doctor
