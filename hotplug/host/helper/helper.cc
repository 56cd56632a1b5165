// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/helper/helper.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "hotplug/host/helper/helper_talk.h"
#include "hotplug/host/helper/program.h"
#include "hotplug/host/helper/spawn.h"
#include "hotplug/host/own_directory.h"
#include "hotplug/host/process/process.h"
#include "hotplug/host/process/processes.h"
#include "hotplug/host/text_file.h"

namespace blockplug {
namespace {
namespace files = std::filesystem;

constexpr int kExitLimitMs = 1000;  // wait for the exit of a helper that has answered

bool is_readable(int fd, int timeout_ms) {
  pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, timeout_ms) == 1;
}

// Reaps a child and says how it ended. For a child of another process: only that it ended.
std::string reap(const FileDescriptor& pidfd) {
  siginfo_t end{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &end, WEXITED | WNOHANG) != 0 || end.si_pid == 0) return "it ended";
  if (end.si_code == CLD_EXITED) return "it exited with status " + std::to_string(end.si_status);
  return "signal " + std::to_string(end.si_status) + " ended it";
}

Error could_not_start(const HelperTask& task, const std::string& why) {
  return no_effect(Code::Unavailable, "cannot start the helper for " + task.what + ": " + why);
}

// A living process of this session: something that a dead helper had started (mkfs).
std::optional<ProcessId> living_in_session(pid_t wanted) {
  for (const auto& running : running_processes()) {
    const auto line = first_line_of(running / "stat");
    const auto bracket = line.rfind(')');
    int parent{}, group{}, session{};
    char state{};
    if (bracket == std::string::npos) continue;
    if (std::sscanf(line.c_str() + bracket + 1, " %c %d %d %d", &state, &parent, &group, &session) != 4 || session != wanted)
      continue;
    if (const auto process = identify_process(std::atoi(line.c_str()))) return process;
  }
  return std::nullopt;
}
}  // namespace

struct Helper::Left {
  ProcessId id;
  pid_t session{};  // the helper's session; what it started (mkfs) is in the same one, and may outlive it
  FileDescriptor pidfd;
  std::string what;
};

Helper::Helper(std::string program, std::string book_directory)
    : program_(std::move(program)), book_directory_(std::move(book_directory)) {
  read_book();
}

Helper::~Helper() = default;

Result<Facts> Helper::run(const HelperTask& task) {
  forget_ended();
  for (const auto& [name, value] : task.arguments) {
    if ((name + value).find('\0') != std::string::npos)
      return no_effect(Code::InvalidArgument, task.what + ": its " + name + " contains a NUL byte");
  }
  if (task.stop.stop_requested()) return could_not_start(task, "cancelled by a newer request, or because the daemon is stopping");
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return could_not_start(task, std::strerror(errno));
  const FileDescriptor ours(ends[0]);
  FileDescriptor theirs(ends[1]);
  auto process = TRY(start(task, theirs.get()));
  theirs = {};
  HelperTalk talk(ours.get(), process.pidfd.get(), encode_request(task.verb, task.arguments), task.deadline);
  if (talk.run(task.stop) == HelperTalk::End::Answered) return end_of(task, std::move(process), talk.answer());
  auto late =
      maybe_effect(Code::DeadlineExceeded, task.what + " (process " + std::to_string(process.id.pid) +
                                               ") has not ended in time: it was left running, and the volume waits for its end");
  leave_behind(task, std::move(process));
  return late;
}

// Recorded before it gets its request: until then it can be killed without effects.
Result<Helper::Left> Helper::start(const HelperTask& task, int theirs) const {
  const FileDescriptor nothing(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!nothing.is_open()) return could_not_start(task, std::string("/dev/null: ") + std::strerror(errno));
  pid_t pid{};
  const SpawnWith with{.in = theirs, .out = theirs, .error = nothing.get(), .flags = POSIX_SPAWN_SETSID};
  if (const int error = spawn(program_, {"blockplug-helper", task.verb}, with, pid); error != 0)
    return could_not_start(task, program_ + ": " + std::strerror(error) + "; install blockplug-helper beside blockplugd");
  Left process;
  process.pidfd = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  process.what = task.what;
  process.session = pid;
  const auto started = [&]() -> Status {
    if (!process.pidfd.is_open()) return could_not_start(task, std::string("cannot open a pidfd: ") + std::strerror(errno));
    const auto id = identify_process(pid);
    if (!id) return could_not_start(task, program_ + " ended at once");
    process.id = *id;
    return write_page(task.volume, process);
  }();
  if (started.ok()) return process;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  remove_page(process);
  return started.error();
}

Result<Facts> Helper::end_of(const HelperTask& task, Left process, const std::string& text) {
  auto answer = decode_answer(text);
  const auto name = task.what + " (process " + std::to_string(process.id.pid) + ")";
  if (!is_readable(process.pidfd.get(), kExitLimitMs)) {
    leave_behind(task, std::move(process));
    return answer ? std::move(*answer) : maybe_effect(Code::Internal, name + " sent no answer and has not ended");
  }
  const auto end = reap(process.pidfd);
  remove_page(process);
  if (answer) return std::move(*answer);
  return maybe_effect(Code::Internal, name + " sent no answer: " + end + leave_what_it_began(task, process.id.pid));
}

std::string Helper::leave_what_it_began(const HelperTask& task, pid_t session) {
  const auto child = living_in_session(session);
  if (!child) return {};
  Left process;
  process.id = *child;
  process.session = session;
  process.pidfd = watch_process(*child);
  process.what = task.what;
  if (!process.pidfd.is_open()) return {};
  (void)write_page(task.volume, process);  // best effort: without it only a restarted daemon does not know
  leave_behind(task, std::move(process));
  return ", but process " + std::to_string(child->pid) + " that it began has not ended";
}

void Helper::leave_behind(const HelperTask& task, Left process) {
  const std::lock_guard lock(mutex_);
  left_.emplace(task.volume, std::make_unique<Left>(std::move(process)));
}

std::optional<std::string> Helper::busy(const VolumeId& volume) {
  forget_ended();
  const std::lock_guard lock(mutex_);
  const auto found = left_.find(volume);
  if (found == left_.end()) return std::nullopt;
  return found->second->what + " (process " + std::to_string(found->second->id.pid) + ") has not ended";
}

void Helper::forget_ended() {
  const std::lock_guard lock(mutex_);
  std::erase_if(left_, [&](const auto& entry) {
    Left& process = *entry.second;
    if (process.pidfd.is_open() ? !is_readable(process.pidfd.get(), 0) : !is_proven_dead(process.id)) return false;
    if (process.pidfd.is_open()) reap(process.pidfd);
    remove_page(process);
    return !pass_on(entry.first, process);
  });
}

// The helper was killed, but a process that it started is running: wait for that one.
bool Helper::pass_on(const VolumeId& volume, Left& process) const {
  const auto child = living_in_session(process.session);
  if (!child) return false;
  process.id = *child;
  process.pidfd = watch_process(*child);
  (void)write_page(volume, process);  // best effort: without it only a restarted daemon does not know
  return true;
}

// One file per process, named by its pid: "<pid> <start time> <boot id> <session>", the volume, and a description for people.
Status Helper::write_page(const VolumeId& volume, const Left& process) const {
  const auto path = book_directory_ + "/" + std::to_string(process.id.pid);
  (void)make_private_directory(book_directory_);  // if it fails, the file cannot be written
  std::ofstream page(path, std::ios::trunc);
  page << process.id.pid << ' ' << process.id.start_time << ' ' << process.id.boot_id << ' ' << process.session << '\n'
       << volume.str() << '\n'
       << process.what << '\n';
  page.close();
  if (page) return Ok{};
  return no_effect(Code::Unavailable, "cannot record the helper in " + path + " (" + std::strerror(errno) +
                                          "): free some space, or restore the directory");
}

void Helper::remove_page(const Left& process) const {
  std::error_code problem;
  files::remove(book_directory_ + "/" + std::to_string(process.id.pid), problem);  // a file that stays is found dead again later
}

// Helpers of earlier runs of the daemon. An incomplete file belongs to a helper that got no request.
void Helper::read_book() {
  std::error_code problem;
  for (files::directory_iterator entry{book_directory_, problem}, end; !problem && entry != end; entry.increment(problem)) {
    std::ifstream page(entry->path());
    Left process;
    std::string volume;
    page >> process.id.pid >> process.id.start_time >> process.id.boot_id >> process.session >> std::ws;
    const bool is_whole = std::getline(page, volume) && std::getline(page, process.what);
    std::error_code gone;
    if (!is_whole || is_proven_dead(process.id)) {
      files::remove(entry->path(), gone);
      const bool is_of_this_boot = is_whole && process.id.boot_id == this_boot();
      if (!is_of_this_boot || !pass_on(VolumeId(volume), process)) continue;
    } else {
      process.pidfd = watch_process(process.id);
    }
    left_.emplace(VolumeId(volume), std::make_unique<Left>(std::move(process)));
  }
}

}  // namespace blockplug
