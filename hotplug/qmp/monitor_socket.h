// SPDX-License-Identifier: Apache-2.0
#pragma once
// The unix socket of one monitor, never blocking and never raising SIGPIPE. It knows no QMP. One thread may send while
// another receives.
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"
#include "hotplug/qmp/file_descriptor.h"

namespace blockplug::qmp {

class MonitorSocket {
 public:
  // NotFound (no socket), Unavailable (nobody listens, or nobody accepts until `deadline`), InvalidArgument (path too long).
  static Result<MonitorSocket> connect(const std::string& path, Time deadline);

  int fd() const { return fd_.get(); }
  Result<pid_t> peer_pid() const;  // of the process that listens (SO_PEERCRED)
  // What the kernel took now; 0 when it takes nothing now. An error: the connection is lost.
  Result<std::size_t> send_some(std::string_view bytes);
  // What is there now; 0 when there is nothing now. An error: end of file, or the connection is lost.
  Result<std::size_t> receive_some(std::span<char> buffer);
  // Waits for POLLIN or POLLOUT (or the end of the connection). DeadlineExceeded.
  Status wait_for(short poll_events, Time deadline) const;
  void shut_down();

 private:
  explicit MonitorSocket(FileDescriptor fd) : fd_(std::move(fd)) {}
  FileDescriptor fd_;
};

}  // namespace blockplug::qmp
