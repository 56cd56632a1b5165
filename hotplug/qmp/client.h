// SPDX-License-Identifier: Apache-2.0
#pragma once
// One persistent connection to one QEMU monitor (QMP). Owned by hotplug/vm; one reader thread of its own.
//
// A command goes out only while none is unanswered. One that is unanswered at its deadline is never sent again and never
// forgotten: the connection is then `stalled` (nothing in-band is sent) until the late reply comes, which is reported.
// It does not reconnect and knows no block devices.
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "attach-detach/outcome.h"

namespace blockplug::qmp {

struct Event {
  std::string name;                           // "DEVICE_DELETED"
  std::shared_ptr<const nlohmann::json> data;  // its "data" object, or an empty object
};

// Who listens at the other end (SO_PEERCRED), for pidfd and proofs of death.
struct Peer {
  pid_t pid{};
};

// All are called on the reader thread and must not block; on_closed is the last call.
struct Callbacks {
  std::function<void(const Event&)> on_event;
  std::function<void()> on_late_reply;                    // an unanswered command was answered after its deadline
  std::function<void(const std::string& why)> on_closed;  // end of file, garbage, or our own close
};

class Client {
 public:
  // Connects, waits for the greeting and negotiates, until `deadline`. Errors have effect None:
  // NotFound (no socket), Unavailable (nobody listens; or no greeting: another client holds this monitor; or it speaks nonsense).
  static Result<std::unique_ptr<Client>> connect(const std::string& path, Callbacks callbacks, Time deadline);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Peer peer() const;

  // The "return" value. Thread-safe; callers wait for one another, until their deadline.
  // QEMU's own refusals come as Error{effect None} with code NotFound (class DeviceNotFound) or FailedPrecondition (any other class)
  // and QEMU's text. Not sent: Unavailable, None. Sent and unanswered at the deadline: DeadlineExceeded, Unknown. Connection lost
  // meanwhile: Unavailable, Unknown.
  Result<nlohmann::json> execute(std::string_view command, const nlohmann::json& arguments, Time deadline,
                                 std::string_view operation);

  bool is_stalled() const;
  bool is_closed() const;

 private:
  class Session;
  explicit Client(std::unique_ptr<Session> session);
  std::unique_ptr<Session> session_;
};

}  // namespace blockplug::qmp
