// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/process/processes.h"

#include "attach-detach/printable.h"
#include "hotplug/host/text_file.h"

namespace blockplug {
namespace fs = std::filesystem;

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code problem;
  for (fs::directory_iterator entry{directory, problem}, end; !problem && entry != end; entry.increment(problem))
    names.push_back(entry->path().filename().native());
  return names;
}

std::vector<fs::path> running_processes() {
  std::vector<fs::path> found;
  for (const auto& name : names_in("/proc"))
    if (name.find_first_not_of("0123456789") == std::string::npos) found.push_back(fs::path{"/proc"} / name);
  return found;
}

std::string command_of(const fs::path& process) { return printable(first_line_of(process / "comm")); }

std::string title_of(const fs::path& process) {
  return "process " + process.filename().native() + " (" + command_of(process) + ")";
}

std::string namespace_link(const fs::path& process) {
  std::error_code problem;
  return fs::read_symlink(process / "ns/mnt", problem).native();
}

}  // namespace blockplug
