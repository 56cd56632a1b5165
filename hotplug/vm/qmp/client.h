// SPDX-License-Identifier: Apache-2.0
#pragma once
// One persistent connection to one QEMU monitor (QMP). Owned by hotplug/vm; one reader thread of its own.
//
// A command is sent only while no other is unanswered. A command that is unanswered at its deadline is neither sent again nor
// forgotten: the connection is then `stalled` (nothing in-band is sent) until the late reply comes, which is reported.
// It does not reconnect and knows nothing of block devices.
#include <sys/types.h>

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "attach-detach/outcome.h"

namespace blockplug::qmp {

struct Event {
  std::string name;                            // "DEVICE_DELETED"
  std::shared_ptr<const nlohmann::json> data;  // its "data" object, or an empty object
};

// The process at the other end (SO_PEERCRED), for its pidfd and to verify its death.
struct Peer {
  pid_t pid{};
};

// All are called on the reader thread and must not block; on_closed is the last one.
struct Callbacks {
  std::function<void(const Event&)> on_event;
  std::function<void()> on_late_reply;                    // an unanswered command was answered after its deadline
  std::function<void(const std::string& why)> on_closed;  // end of file, invalid data, or closed by us
};

class Client {
 public:
  // Connects, waits for the greeting and negotiates, until `deadline`. Errors have effect None:
  // NotFound (no socket), Unavailable (nothing listens; or no greeting: another client uses this monitor; or invalid data).
  static Result<std::unique_ptr<Client>> connect(const std::string& path, Callbacks callbacks, Time deadline);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Peer peer() const;

  // The "return" value. Thread-safe; callers wait for each other, until their deadline.
  // QEMU's refusals are Error{effect None} with code NotFound (class DeviceNotFound) or FailedPrecondition (any other
  // class) and QEMU's text. Not sent: Unavailable, None. Sent and unanswered at the deadline: DeadlineExceeded, Unknown. Connection
  // lost: Unavailable, Unknown. `descriptor` is passed along (SCM_RIGHTS); -1: none.
  Result<nlohmann::json> execute(std::string_view command, const nlohmann::json& arguments, Time deadline,
                                 std::string_view operation, int descriptor = -1);

  bool is_stalled() const;
  bool is_closed() const;

 private:
  class Session;
  explicit Client(std::unique_ptr<Session> session);
  std::unique_ptr<Session> session_;
};

}  // namespace blockplug::qmp
