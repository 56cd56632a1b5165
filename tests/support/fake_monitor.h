// SPDX-License-Identifier: Apache-2.0
#pragma once
// A monitor without a QEMU: a unix socket in its own directory, whose clients are served by a script on a thread, one at a time; as
// with QEMU, a second client gets no greeting. It frames by lines, so that it shares no code with the tested one.
#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "hotplug/host/file_descriptor.h"

namespace blockplug::testing {

inline constexpr std::string_view kGreeting =
    R"({"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}})"
    "\r\n";

// The script's end of one connection. Send from any thread; receive only on the script's thread.
class MonitorEnd {
 public:
  explicit MonitorEnd(int fd) : fd_(fd) {}
  struct Command {
    std::string line;  // empty: the client has disconnected (or was silent for 10 s); later ones are empty too
    std::string name;
    std::shared_ptr<const nlohmann::json> arguments;
    std::string id_text;                                 // as JSON, to echo it
    std::shared_ptr<const FileDescriptor> descriptor{};  // that came with it; nullptr: none
  };
  // {"return": …} or {"error": …}; the id is added.
  using Handler = std::function<nlohmann::json(const std::string& name, const nlohmann::json& arguments)>;

  void send(std::string_view bytes) const;
  void send_byte_by_byte(std::string_view bytes) const;
  Command receive();
  void answer(const Command& command, std::string_view value_text = "{}") const;
  void refuse(const Command& command, std::string_view error_class, std::string_view description) const;

  Command greet();                     // the greeting; receives qmp_capabilities and answers it
  void serve(const Handler& handler);  // answers commands until the client disconnects
  void wait_until_gone();
  void stop_draining();  // from now on received data stays in the socket too, until the client finds it full

 private:
  int fd_;
  int receive_flags_{};
  std::string received_;
  std::shared_ptr<const FileDescriptor> descriptor_;
};

class FakeMonitor {
 public:
  using Script = std::function<void(MonitorEnd&)>;
  explicit FakeMonitor(Script script);  // called for each client; the connection is closed when it returns
  ~FakeMonitor();                       // closes the connection while the script runs, and waits for the script
  FakeMonitor(const FakeMonitor&) = delete;
  FakeMonitor& operator=(const FakeMonitor&) = delete;
  const std::string& path() const { return path_; }

 private:
  void run();

  Script script_;
  std::string folder_;
  std::string path_;
  int listener_{-1};
  std::vector<int> connections_;  // closed last, so that no number is reused while another thread may shut it down
  std::atomic<int> current_{-1};
  std::atomic<bool> is_ended_{false};
  std::thread thread_;
};

}  // namespace blockplug::testing
