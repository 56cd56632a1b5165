// SPDX-License-Identifier: Apache-2.0
#pragma once
// The pattern of the monitors' sockets: an absolute path with one "{vm}" in it, e.g. "/run/vms/{vm}/qmp.sock" or
// "/run/vm-{vm}.qmp". Finds the existing sockets and the directories to watch for new ones. Keeps no state.
#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug {

bool is_vm_id(const std::string& text);  // [A-Za-z0-9._-]{1,64}, neither "." nor ".."

struct SocketSight {
  std::string path;
  dev_t device{};
  ino_t inode{};
  timespec changed{};  // because inode numbers are reused at once
  bool is_same_as(const SocketSight& other) const;
};

class SocketPattern {
 public:
  static Result<SocketPattern> parse(const std::string& text);  // InvalidArgument says what is wrong
  std::string path_of(const std::string& vm) const;
  // The guest agent's socket: qga.sock beside the monitor's. Empty if VMs have no directory of their own.
  std::string agent_path_of(const std::string& vm) const;

  // All existing sockets by VM. `visit` is called for every existing directory of the pattern before it is read, so that no change
  // is missed; `ignored` collects names in place of {vm} that are not valid VM ids.
  std::map<std::string, SocketSight> scan(const std::function<void(const std::string&)>& visit,
                                          std::vector<std::string>& ignored) const;

 private:
  std::string before_, prefix_, suffix_, after_;  // "/run/vms" "" "" "qmp.sock": directory above, around the id, path below
};

}  // namespace blockplug
