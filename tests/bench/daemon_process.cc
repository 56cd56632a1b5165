// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/daemon_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

namespace blockplug::bench {
namespace {

using std::chrono::milliseconds;
constexpr std::chrono::minutes kLimit{2};
constexpr std::size_t kLogTail = 1000;

std::string log_of(const DaemonPlace& place) { return place.directory + "/daemon.log"; }

Result<std::string> write_config(const DaemonPlace& place) {
  std::error_code error;
  std::filesystem::create_directories(place.volumes(), error);
  const auto path = place.directory + "/blockplugd.yaml";
  const auto backend = place.backend.empty() ? "local: {type: local, path: " + place.volumes() + "}" : place.backend;
  std::ofstream file(path);
  file << "node: bench\nstate_dir: " << place.state() << "\nrun_dir: " << place.directory << "/run\nmetrics: {listen: \"off\"}\n"
       << "vms: {sockets: \"" << place.vm_sockets << "\"}\nbackends:\n  " << backend << "\n";
  file.close();
  if (!file) return no_effect(Code::Unavailable, "cannot write the daemon's configuration " + path);
  return path;
}

// In the child, between fork and exec: only what is safe there.
[[noreturn]] void become(const char* program, const char* config, const char* log) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int fd = ::open(log, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  ::dup2(fd, STDOUT_FILENO);
  ::dup2(fd, STDERR_FILENO);
  ::execl(program, program, "--config", config, nullptr);
  ::_exit(127);
}

bool does_listen(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool does = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return does;
}

std::string end_of_log(const DaemonPlace& place) {
  std::ifstream file(log_of(place));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return text.size() <= kLogTail ? text : text.substr(text.size() - kLogTail);
}

}  // namespace

Result<std::unique_ptr<DaemonProcess>> DaemonProcess::start(const DaemonPlace& place) {
  const auto config = TRY(write_config(place));
  const auto log = log_of(place), socket = place.directory + "/run/admin.sock";
  const auto begun = Clock::now();
  const pid_t pid = ::fork();
  if (pid < 0) return no_effect(Code::ResourceExhausted, "no process can be made");
  if (pid == 0) become(place.program.c_str(), config.c_str(), log.c_str());
  std::unique_ptr<DaemonProcess> daemon(new DaemonProcess(pid, begun));
  while (!does_listen(socket)) {
    if (daemon->has_ended() || Clock::now() - begun > kLimit)
      return no_effect(Code::Unavailable, place.program + " does not get ready: " + end_of_log(place));
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  daemon->caller_ = TRY(AdminCaller::connect(socket));
  daemon->time_to_answer_ = Clock::now() - begun;
  return daemon;
}

DaemonProcess::~DaemonProcess() {
  caller_.reset();
  if (is_reaped_) return;
  ::kill(pid_, SIGTERM);
  for (const auto limit = Clock::now() + std::chrono::seconds(15); !has_ended();) {
    if (Clock::now() > limit) ::kill(pid_, SIGKILL);
    std::this_thread::sleep_for(milliseconds(5));
  }
}

bool DaemonProcess::has_ended() {
  is_reaped_ = is_reaped_ || ::waitpid(pid_, nullptr, WNOHANG) == pid_;
  return is_reaped_;
}

Result<Time> DaemonProcess::wait_until_quiet(std::size_t attachments) {
  const auto limit = Clock::now() + kLimit;
  while (true) {
    const auto queued = TRY(caller_->queued());
    const auto now = Clock::now();
    if (queued == 0 && TRY(caller_->attached()) == attachments) return now;
    if (now > limit)
      return no_effect(Code::DeadlineExceeded,
                       std::to_string(attachments) + " attachments have not reached the desired state after two minutes");
    std::this_thread::sleep_for(milliseconds(5));
  }
}

std::int64_t DaemonProcess::resident_bytes() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
  std::int64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

std::chrono::nanoseconds DaemonProcess::cpu_time() const {
  clockid_t clock{};
  timespec used{};
  CHECK(::clock_getcpuclockid(pid_, &clock) == 0 && ::clock_gettime(clock, &used) == 0);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace blockplug::bench
