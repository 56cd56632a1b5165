// SPDX-License-Identifier: Apache-2.0
#pragma once
// One VM: the connection to its monitor, the processes known under its name, and its inventory.
//
// Made and connected by Vms::Watch; used by rungs on worker threads; gets events on the reader thread of its client.
// Thread-safe: one mutex, never held during a QMP command. It does not connect by itself and makes no decisions about disks.
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attach-detach/events.h"
#include "hotplug/host/process/process.h"
#include "hotplug/vm/inventory.h"
#include "hotplug/vm/qmp/client.h"

namespace blockplug {

class Vm {
 public:
  struct Parts {
    std::string id, socket, agent_socket;
    EventSink& events;
    std::function<void()> wake_watch;
    std::function<Status(const VolumeId&)> storage_answers;  // see VmsOptions
  };
  explicit Vm(Parts parts);
  ~Vm();
  Vm(const Vm&) = delete;
  Vm& operator=(const Vm&) = delete;

  const std::string& id() const { return id_; }
  const std::string& socket() const { return socket_; }
  const std::string& agent_socket() const { return agent_socket_; }  // see SocketPattern::agent_path_of
  TargetId target() const { return TargetId("vm:" + id_); }

  // What is known without a query.
  struct Sight {
    bool is_connected{};
    bool is_stalled{};                           // a command is unanswered after its deadline
    std::optional<ProcessId> process;            // the one we are connected to
    std::vector<ProcessId> others;               // other living processes of this VM, not connected
    std::string run_state;                       // the last reported state; "" before that
    std::string why;                             // why it is not connected
    std::shared_ptr<const Inventory> inventory;  // of any age; nullptr: none
  };
  Sight sight() const;
  Status storage_answers(const VolumeId& volume) const;  // see VmsOptions

  // See qmp::Client::execute. An unknown effect marks the inventory as outdated.
  Result<nlohmann::json> execute(std::string_view command, const nlohmann::json& arguments, Time deadline,
                                 std::string_view operation, int descriptor = -1);

  // Read again if older than `oldest` or outdated; concurrent callers share one reading.
  static constexpr Clock::duration kAnyAge = Clock::duration::max();
  static constexpr Clock::duration kSurveyAge = std::chrono::seconds(10);  // the surveys of all rungs and backends share a reading
  Result<std::shared_ptr<const Inventory>> inventory(Clock::duration oldest, Time deadline, std::string_view operation);
  // The same by Call::doubted_at: a reading that began at `since` or later, also one that failed.
  Result<std::shared_ptr<const Inventory>> inventory_since(Time since, Time deadline, std::string_view operation);
  void change_inventory(const std::function<void(Inventory&)>& change);  // applies the effect of our command
  void outdate_inventory();

  // Unplugs that the guest has not answered yet.
  struct Unplug {
    std::optional<Time> refused_at;  // DEVICE_UNPLUG_GUEST_ERROR
  };
  void note_unplug(const std::string& device);
  void forget_unplug(const std::string& device);
  std::optional<Unplug> unplug_of(const std::string& device) const;
  std::optional<Time> last_reset() const;

  // The I/O errors of a block node since it was opened, for messages: "3 I/O errors, the last: write: Connection timed out".
  std::string io_errors_of(const std::string& node) const;  // empty: none
  void forget_io_errors(const std::string& node);

  // For Vms::Watch only.
  struct Link;  // one connection's life, shared with its callbacks
  std::shared_ptr<Link> new_link();
  qmp::Callbacks callbacks(const std::shared_ptr<Link>& link);
  void install(const std::shared_ptr<Link>& link, std::shared_ptr<qmp::Client> client, const ProcessId& process);
  void remember(const ProcessId& process);  // a dead one is removed at the next check
  void set_why(std::string why);
  void disconnect();                // joins the reader; disks stay plugged
  void tidy();                      // joins readers of connections that ended
  std::vector<int> pidfds() const;  // closed by bury only
  std::vector<ProcessId> bury();    // removes processes that have ended and returns them

 private:
  struct Process;
  struct IoErrors {
    int count{};
    std::string last;
  };
  void on_event(const Link& link, const qmp::Event& event);
  void on_device_deleted(const std::string& device);
  void on_io_error(const std::string& node, const std::string& what);
  void on_late_reply();
  void on_closed(Link& link, const std::string& why);
  Result<std::shared_ptr<const Inventory>> read(std::unique_lock<std::mutex> lock, Time deadline, std::string_view operation);

  const std::string id_, socket_, agent_socket_;
  EventSink& events_;
  const std::function<void()> wake_watch_;
  const std::function<Status(const VolumeId&)> storage_answers_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable read_ended_;
  std::shared_ptr<Link> link_;
  std::shared_ptr<qmp::Client> client_;
  std::vector<std::shared_ptr<qmp::Client>> ended_clients_;
  std::optional<ProcessId> process_;       // the process that client_ is connected to
  std::optional<ProcessId> last_process_;  // the process that the members below belong to
  std::vector<Process> processes_;
  std::string why_, run_state_;
  std::shared_ptr<const Inventory> inventory_;
  std::shared_ptr<const Inventory> last_inventory_;  // of last_process_
  bool is_outdated_{true};
  struct FailedReading {
    Time began;
    Error error;
    std::shared_ptr<Link> link;
  };
  std::optional<FailedReading> failed_;
  bool is_reading_{};  // a thread is reading; others wait for its result
  std::vector<std::function<void(Inventory&)>> changes_while_reading_;
  std::map<std::string, Unplug, std::less<>> unplugs_;
  std::optional<Time> last_reset_;
  std::map<std::string, IoErrors, std::less<>> io_errors_;
};

}  // namespace blockplug
