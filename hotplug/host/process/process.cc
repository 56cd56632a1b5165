// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/process/process.h"

#include <poll.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <fstream>
#include <sstream>

#include "attach-detach/roles.h"
#include "hotplug/host/text_file.h"

namespace blockplug {
namespace {
// The name in field 2 may contain spaces and brackets, so counting starts after the last bracket.
std::optional<std::uint64_t> start_time_of(pid_t pid) {
  const auto line = first_line_of("/proc/" + std::to_string(pid) + "/stat");
  const auto bracket = line.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(bracket + 1));
  std::string field;
  for (int number = 3; number <= 22; ++number) fields >> field;
  std::uint64_t ticks{};
  const auto parsed = std::from_chars(field.data(), field.data() + field.size(), ticks);
  return parsed.ec == std::errc{} ? std::optional(ticks) : std::nullopt;
}

FileDescriptor open_pidfd(pid_t pid) { return FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

// A pidfd becomes readable when all threads of the process have ended, even before its parent has waited for it.
bool has_ended(const FileDescriptor& pidfd) {
  pollfd ready{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) == 1;
}
}  // namespace

const std::string& this_boot() {
  static const std::string id = first_line_of("/proc/sys/kernel/random/boot_id");
  return id;
}

std::optional<ProcessId> identify_process(pid_t pid) {
  if (pid <= 0) return std::nullopt;
  const FileDescriptor pidfd = open_pidfd(pid);  // before the start time is read, so that both belong to the same process
  const auto start = start_time_of(pid);
  if (!start || (pidfd.is_open() && has_ended(pidfd))) return std::nullopt;
  return ProcessId{pid, *start, this_boot()};
}

bool is_proven_dead(const ProcessId& process) {
  if (process.boot_id != this_boot()) return true;
  const FileDescriptor pidfd = open_pidfd(process.pid);
  const int open_error = errno;
  if (!pidfd.is_open()) return open_error == ESRCH || open_error == EINVAL;
  const auto start = start_time_of(process.pid);
  if (start && *start != process.start_time) return true;
  return has_ended(pidfd);
}

FileDescriptor watch_process(const ProcessId& process) {
  FileDescriptor pidfd = open_pidfd(process.pid);
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

std::string user_of(const ProcessId& process) {
  std::ifstream status{"/proc/" + std::to_string(process.pid) + "/status"};
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("Uid:")) continue;
    std::istringstream ids(line.substr(4));  // real, effective, saved, file system
    uid_t real{}, effective{};
    if (!(ids >> real >> effective) || is_proven_dead(process)) break;
    std::array<char, 4096> buffer{};
    passwd entry{}, *found = nullptr;
    ::getpwuid_r(effective, &entry, buffer.data(), buffer.size(), &found);
    return "user " + (found != nullptr ? "'" + std::string(found->pw_name) + "' (" : "(") + std::to_string(effective) + ")";
  }
  return "an unknown user";
}

void put_facts(const ProcessId& process, Facts& facts) {
  facts[roles::kProcessPid] = std::to_string(process.pid);
  facts[roles::kProcessStart] = std::to_string(process.start_time);
  facts[roles::kProcessBoot] = process.boot_id;
}

std::optional<ProcessId> process_from_facts(const Facts& facts) {
  const auto pid = facts.find(roles::kProcessPid);
  const auto start = facts.find(roles::kProcessStart);
  const auto boot = facts.find(roles::kProcessBoot);
  if (pid == facts.end() || start == facts.end() || boot == facts.end()) return std::nullopt;
  ProcessId process{.pid = 0, .start_time = 0, .boot_id = boot->second};
  const auto read = [](const std::string& text, auto& number) {
    return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{};
  };
  if (!read(pid->second, process.pid) || !read(start->second, process.start_time) || process.pid <= 0) return std::nullopt;
  return process;
}

}  // namespace blockplug
