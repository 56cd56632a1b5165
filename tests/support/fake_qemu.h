// SPDX-License-Identifier: Apache-2.0
#pragma once
// A small model of QEMU 7.2's disks that answers QMP: nodes, throttle groups, devices on root ports or on a SCSI bus, the guest
// that releases them, and the events. It runs behind a FakeMonitor in this process. Thread-safe.
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/support/fake_monitor.h"

namespace blockplug::testing {

class FakeQemu {
 public:
  enum class Bus { Scsi, VirtioBlk };
  enum class Guest { Releases, Keeps };          // what it does when asked to release a disk
  enum class Driver { None, Firmware, System };  // who has set up the disks
  // How a command fails: with an error that nobody has seen before; performed, and not answered until resume_replies; the
  // connection ends before the command is performed, or after.
  enum class Failure { Refused, Unanswered, LostBefore, LostAfter };
  explicit FakeQemu(Bus bus, int ports = 2);

  FakeMonitor::Script script();               // for any number of connections, one at a time
  std::vector<std::string> commands() const;  // the executed commands, in order
  void forget_commands();

  // Knobs.
  void set_guest(Guest guest);
  void set_driver(Driver driver);
  void set_run_state(const std::string& state);  // with STOP or RESUME
  void refuse_next(const std::string& command, const std::string& description);
  void fail_command(int number, Failure failure);  // 1: the next one
  bool has_failed() const;                         // that one was reached
  void hold_next(const std::string& command);      // performs it and holds its reply back until resume_replies
  void resume_replies();
  void release_all();  // the guest releases all requested disks
  void emit(const std::string& name, const nlohmann::json& data);
  void put_group(const std::string& id, const nlohmann::json& limits);
  std::string limits_of_group(const std::string& id) const;
  void hang_up();  // closes the connection after the next command

  // What is there now, beside the commands.
  bool has_device(const std::string& id) const;
  std::optional<std::int64_t> size_of(const std::string& node) const;       // nullopt: no such node
  std::optional<nlohmann::json> limits_of(const std::string& group) const;  // nullopt: no such object
  std::string discard_of(const std::string& node) const;                    // what it does with a TRIM
  std::vector<std::string> leftovers() const;                               // every node, object and device

 private:
  using Json = nlohmann::json;
  Json perform(const MonitorEnd::Command& command);  // under mutex_
  Json qom_list(const std::string& path) const;
  Json qom_get(const std::string& path, const std::string& property) const;
  Json add_descriptor(const MonitorEnd::Command& command);
  Json list_sets() const;
  Json add_node(const Json& arguments);
  Json add_device(const Json& arguments);
  Json delete_device(const std::string& id);
  Json list_nodes() const;
  void remove(const std::string& id);

  const Bus bus_;
  const int ports_;
  mutable std::mutex mutex_;
  std::map<std::string, Json> groups_, nodes_, devices_;
  std::map<std::string, Json> sets_;  // "/dev/fdset/7": its file, and its text
  std::set<std::string> asked_;
  std::vector<std::string> commands_;
  std::map<std::string, std::string> refusals_;
  int until_failure_{};  // commands; 0: none is to fail
  Failure failure_{};
  bool has_failed_{};
  std::string held_, run_state_{"running"};
  std::vector<std::function<void()>> held_replies_;
  Guest guest_{Guest::Releases};
  Driver driver_{Driver::System};
  MonitorEnd* end_{};
};

}  // namespace blockplug::testing
