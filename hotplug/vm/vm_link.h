// SPDX-License-Identifier: Apache-2.0
#pragma once
// Inside Vm: one connection's life, and a process known under the VM's name. For vm.cc and vm_link.cc only.
#include "hotplug/qmp/file_descriptor.h"
#include "hotplug/vm/vm.h"

namespace blockplug {

struct Vm::Link {
  bool is_closed{};  // by Vm::mutex_
};

struct Vm::Process {
  ProcessId id;
  qmp::FileDescriptor pidfd;
};

}  // namespace blockplug
