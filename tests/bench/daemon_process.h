// SPDX-License-Identifier: Apache-2.0
#pragma once
// The measured daemon: a separate process with its own directory and the default settings. It is killed when this program ends.
#include <sys/types.h>

#include <memory>
#include <string>

#include "attach-detach/outcome.h"
#include "tests/bench/admin_caller.h"

namespace blockplug::bench {

struct DaemonPlace {
  std::string program;    // blockplugd or blockplugd-fake
  std::string directory;  // made; config, log, sockets and state are in it
  std::string vm_sockets = "/nonexistent/{vm}/qmp.sock";
  std::string backend{};  // "NAME: {…}" of the configuration; empty: files in volumes()
  std::string state() const { return directory + "/state"; }
  std::string volumes() const { return directory + "/volumes"; }
};

class DaemonProcess {
 public:
  // Returns when its socket answers a call; the error has the last of its log.
  static Result<std::unique_ptr<DaemonProcess>> start(const DaemonPlace& place);
  ~DaemonProcess();  // SIGTERM, and waits
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  AdminCaller& caller() { return *caller_; }
  void hang_up() { caller_.reset(); }
  Time begun() const { return begun_; }  // just before exec
  Clock::duration time_to_answer() const { return time_to_answer_; }
  Result<Time> wait_until_quiet(std::size_t attachments);  // all probed, and as desired: when it was so
  std::int64_t resident_bytes() const;
  std::chrono::nanoseconds cpu_time() const;  // user and system, of all its threads

 private:
  DaemonProcess(pid_t pid, Time begun) : pid_(pid), begun_(begun) {}
  bool has_ended();
  const pid_t pid_;
  const Time begun_;
  Clock::duration time_to_answer_{};
  std::unique_ptr<AdminCaller> caller_;
  bool is_reaped_{};
};

}  // namespace blockplug::bench
