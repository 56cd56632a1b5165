// SPDX-License-Identifier: Apache-2.0
#pragma once
// May a rung act in its VM now? Combines the connection, the known processes of the VM and the process in the rung's facts: nothing
// is opened in a new process of the VM, and nothing is reported gone, while an earlier process may still write.
#include <memory>
#include <string>

#include "attach-detach/rung.h"
#include "hotplug/vm/vm.h"
#include "hotplug/vm/vms.h"

namespace blockplug {

struct Reach {
  enum class Kind : std::uint8_t {
    Ready,      // connected, and no other process can have anything of ours
    Absent,     // not connected, and no living process can have anything of ours
    Uncertain,  // a living process may have something of ours and cannot be asked
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
