// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which process a VM is, so that it is never mistaken for a later one with the same pid, and proofs that it has ended.
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "attach-detach/outcome.h"
#include "hotplug/qmp/file_descriptor.h"

namespace blockplug {

struct ProcessId {
  pid_t pid{};
  std::uint64_t start_time{};  // field 22 of /proc/<pid>/stat, clock ticks since boot
  std::string boot_id;         // /proc/sys/kernel/random/boot_id
  bool operator==(const ProcessId&) const = default;
};

std::optional<ProcessId> identify_process(pid_t pid);  // nullopt: no such process, or it has ended
bool is_proven_dead(const ProcessId& process);         // another boot, no such pid, another start time, or all its threads ended
qmp::FileDescriptor watch_process(const ProcessId& process);  // a pidfd, readable at its end; empty: it has ended already
std::chrono::milliseconds age_of(const ProcessId& process);

// As facts "vm.pid", "vm.start", "vm.boot", each after `prefix`.
void put_facts(const ProcessId& process, Facts& facts);
std::optional<ProcessId> process_from_facts(const Facts& facts, const std::string& prefix);

}  // namespace blockplug
