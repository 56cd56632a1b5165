// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/process_book.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "hotplug/host/own_directory.h"

namespace blockplug {
namespace files = std::filesystem;

ProcessBook::ProcessBook(std::string directory) : directory_(std::move(directory)) {}

Status ProcessBook::remember(const std::string& vm, const ProcessId& process) {
  if (directory_.empty()) return Ok{};
  const std::lock_guard lock(mutex_);
  auto processes = read(vm);
  std::erase_if(processes, is_proven_dead);
  if (std::find(processes.begin(), processes.end(), process) == processes.end()) processes.push_back(process);
  return write(vm, processes);
}

void ProcessBook::forget(const std::string& vm, const ProcessId& process) {
  if (directory_.empty()) return;
  const std::lock_guard lock(mutex_);
  auto processes = read(vm);
  std::erase(processes, process);
  (void)write(vm, processes);  // best effort: a dead process that stays in the book is found dead again
}

std::map<std::string, std::vector<ProcessId>> ProcessBook::living() const {
  std::map<std::string, std::vector<ProcessId>> found;
  if (directory_.empty()) return found;
  const std::lock_guard lock(mutex_);
  std::error_code error;
  for (files::directory_iterator entry(directory_, error), end; !error && entry != end; entry.increment(error)) {
    auto processes = read(entry->path().filename());
    std::erase_if(processes, is_proven_dead);
    if (!processes.empty()) found[entry->path().filename()] = std::move(processes);
  }
  return found;
}

std::vector<ProcessId> ProcessBook::read(const std::string& vm) const {
  std::vector<ProcessId> processes;
  std::ifstream file(directory_ + "/" + vm);
  ProcessId process;
  while (file >> process.pid >> process.start_time >> process.boot_id) processes.push_back(process);
  return processes;
}

// Replaces the file atomically: a crash leaves the old one or the new one.
Status ProcessBook::write(const std::string& vm, const std::vector<ProcessId>& processes) const {
  const std::string path = directory_ + "/" + vm;
  std::error_code error;
  if (processes.empty()) {
    files::remove(path, error);
    return Ok{};
  }
  (void)make_private_directory(directory_);  // if it fails, the file cannot be written
  const std::string fresh = directory_ + "/." + vm + ".new";
  std::ofstream file(fresh, std::ios::trunc);
  for (const auto& process : processes) file << process.pid << ' ' << process.start_time << ' ' << process.boot_id << '\n';
  file.close();
  if (file) files::rename(fresh, path, error);
  if (!file || error)
    return no_effect(Code::Unavailable, "cannot write down VM " + vm + "'s process in " + path + " (" +
                                            (error ? error.message() : std::strerror(errno)) +
                                            "): free some space, or restore the directory");
  return Ok{};
}

}  // namespace blockplug
