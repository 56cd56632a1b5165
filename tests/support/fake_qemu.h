// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small world that answers QMP as QEMU 7.2 does, as far as disks go: nodes, throttle groups, devices on root ports or on a SCSI
// bus, the guest that releases them, and the events. It runs behind a FakeMonitor in this process. Thread-safe.
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/support/fake_monitor.h"

namespace blockplug::testing {

class FakeQemu {
 public:
  enum class Bus { Scsi, VirtioBlk };
  enum class Guest { Releases, Keeps };          // what it does when it is asked for a disk
  enum class Driver { None, Firmware, System };  // who has set up the disks
  explicit FakeQemu(Bus bus, int ports = 2);

  FakeMonitor::Script script();               // for any number of connections, one at a time
  std::vector<std::string> commands() const;  // all that were executed, in order
  void forget_commands();

  // Knobs.
  void set_guest(Guest guest);
  void set_driver(Driver driver);
  void set_run_state(const std::string& state);  // with STOP or RESUME
  void refuse_next(const std::string& command, const std::string& description);
  void hold_next(const std::string& command);  // performs it and keeps its reply until resume_replies
  void resume_replies();
  void release_all();  // the guest lets go of all that it was asked for
  void emit(const std::string& name, const nlohmann::json& data);
  void hang_up();  // ends the connection after the next command

 private:
  using Json = nlohmann::json;
  Json perform(const std::string& command, const Json& arguments);  // under mutex_
  Json qom_list(const std::string& path) const;
  Json qom_get(const std::string& path, const std::string& property) const;
  Json add_node(const Json& arguments);
  Json add_device(const Json& arguments);
  Json delete_device(const std::string& id);
  Json list_nodes() const;
  void remove(const std::string& id);

  const Bus bus_;
  const int ports_;
  mutable std::mutex mutex_;
  std::map<std::string, Json> groups_, nodes_, devices_;
  std::set<std::string> asked_;
  std::vector<std::string> commands_;
  std::map<std::string, std::string> refusals_;
  std::string held_, run_state_{"running"};
  std::vector<std::function<void()>> held_replies_;
  Guest guest_{Guest::Releases};
  Driver driver_{Driver::System};
  MonitorEnd* end_{};
};

}  // namespace blockplug::testing
