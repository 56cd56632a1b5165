// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <fstream>
#include <sstream>

namespace blockplug {
namespace {
const std::string& boot_id() {
  static const std::string id = [] {
    std::string line;
    std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), line);
    return line;
  }();
  return id;
}

// The name in field 2 may hold spaces and brackets, so counting starts after the last bracket.
std::optional<std::uint64_t> start_time_of(pid_t pid) {
  std::string line;
  if (!std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line)) return std::nullopt;
  const auto bracket = line.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(bracket + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  std::uint64_t ticks{};
  const auto parsed = std::from_chars(field.data(), field.data() + field.size(), ticks);
  return parsed.ec == std::errc{} ? std::optional(ticks) : std::nullopt;
}

qmp::FileDescriptor open_pidfd(pid_t pid) { return qmp::FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

// A pidfd is readable once all threads of the process are gone, also while its parent has not waited for it.
bool has_ended(const qmp::FileDescriptor& pidfd) {
  pollfd ready{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) == 1;
}
}  // namespace

std::optional<ProcessId> identify_process(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const qmp::FileDescriptor pidfd = open_pidfd(pid);  // before the start time is read: it names the process that has it
  const auto start = start_time_of(pid);
  if (!start || (pidfd.is_open() && has_ended(pidfd))) return std::nullopt;
  return ProcessId{pid, *start, boot_id()};
}

bool is_proven_dead(const ProcessId& process) {
  if (process.boot_id != boot_id()) return true;
  const qmp::FileDescriptor pidfd = open_pidfd(process.pid);
  const int open_error = errno;
  if (!pidfd.is_open()) return open_error == ESRCH || open_error == EINVAL;
  const auto start = start_time_of(process.pid);
  if (start && *start != process.start_time) return true;
  return has_ended(pidfd);
}

qmp::FileDescriptor watch_process(const ProcessId& process) {
  qmp::FileDescriptor pidfd = open_pidfd(process.pid);
  if (!pidfd.is_open() || is_proven_dead(process)) return {};
  return pidfd;
}

std::chrono::milliseconds age_of(const ProcessId& process) {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const auto ticks_per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  const auto started = std::chrono::milliseconds(process.start_time * 1000 / ticks_per_second);
  return std::chrono::seconds(now.tv_sec) + std::chrono::milliseconds(now.tv_nsec / 1'000'000) - started;
}

void put_facts(const ProcessId& process, Facts& facts) {
  facts["vm.pid"] = std::to_string(process.pid);
  facts["vm.start"] = std::to_string(process.start_time);
  facts["vm.boot"] = process.boot_id;
}

std::optional<ProcessId> process_from_facts(const Facts& facts, const std::string& prefix) {
  const auto pid = facts.find(prefix + "vm.pid");
  const auto start = facts.find(prefix + "vm.start");
  const auto boot = facts.find(prefix + "vm.boot");
  if (pid == facts.end() || start == facts.end() || boot == facts.end()) return std::nullopt;
  ProcessId process{.pid = 0, .start_time = 0, .boot_id = boot->second};
  const auto read = [](const std::string& text, auto& number) {
    return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{};
  };
  if (!read(pid->second, process.pid) || !read(start->second, process.start_time) || process.pid <= 0) return std::nullopt;
  return process;
}

}  // namespace blockplug
