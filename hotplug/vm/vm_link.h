// SPDX-License-Identifier: Apache-2.0
#pragma once
// Inside Vm: one connection's life, and a known process of the VM. For vm.cc and vm_link.cc only.
#include "hotplug/host/file_descriptor.h"
#include "hotplug/vm/vm.h"

namespace blockplug {

struct Vm::Link {
  bool is_closed{};  // guarded by Vm::mutex_
};

struct Vm::Process {
  ProcessId id;
  FileDescriptor pidfd;
};

}  // namespace blockplug
