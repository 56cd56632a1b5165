// SPDX-License-Identifier: Apache-2.0
#pragma once
// The unix socket of one monitor; never blocks and never raises SIGPIPE. It knows nothing of QMP. One thread may send while another
// receives.
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"
#include "hotplug/host/file_descriptor.h"

namespace blockplug::qmp {

class MonitorSocket {
 public:
  // NotFound (no socket), Unavailable (nothing listens, or not accepted until `deadline`), InvalidArgument (path too long).
  static Result<MonitorSocket> connect(const std::string& path, Time deadline);

  int fd() const { return fd_.get(); }
  Result<pid_t> peer_pid() const;  // of the process that listens (SO_PEERCRED)
  // How many bytes the kernel took; 0: none now. An error: the connection is lost. `descriptor` goes with the first of them (-1:
  // none).
  Result<std::size_t> send_some(std::string_view bytes, int descriptor = -1);
  // How many bytes were available; 0: none now. An error: end of file, or the connection is lost.
  Result<std::size_t> receive_some(std::span<char> buffer);
  // Waits for POLLIN or POLLOUT (or the end of the connection). DeadlineExceeded.
  Status wait_for(short poll_events, Time deadline) const;
  void shut_down();

 private:
  explicit MonitorSocket(FileDescriptor fd) : fd_(std::move(fd)) {}
  FileDescriptor fd_;
};

}  // namespace blockplug::qmp
