// SPDX-License-Identifier: Apache-2.0
#pragma once
// May a rung act in its VM now? Puts together the connection, the processes known under the VM's name and the one that the rung's
// own facts name: nothing is opened in a new VM, and nothing called gone, while an earlier process may still write.
#include <memory>
#include <string>

#include "attach-detach/rung.h"
#include "hotplug/vm/vm.h"
#include "hotplug/vm/vms.h"

namespace blockplug {

struct Reach {
  enum class Kind : std::uint8_t {
    Ready,      // connected, and no other process could have anything of ours
    Absent,     // not connected, and no process lives that could have anything of ours
    Uncertain,  // a process that may have something of ours lives and cannot be asked
  };
  Kind kind{};
  std::shared_ptr<Vm> vm;  // for Ready
  ProcessId process;       // for Ready
  std::string why;         // for the others
};
Reach reach(const Vms& vms, const Call& call);

// "vm:web-0" is VM "web-0".
std::string vm_of(const TargetId& target);

}  // namespace blockplug
