// SPDX-License-Identifier: Apache-2.0
#pragma once
// Identifies a process, so that it is never confused with a later one with the same pid, and verifies that it has ended.
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "attach-detach/outcome.h"
#include "hotplug/host/file_descriptor.h"

namespace blockplug {

struct ProcessId {
  pid_t pid{};
  std::uint64_t start_time{};  // field 22 of /proc/<pid>/stat, clock ticks since boot
  std::string boot_id;         // of its boot
  bool operator==(const ProcessId&) const = default;
};

const std::string& this_boot();                          // which boot of this host it is, read once
std::optional<ProcessId> identify_process(pid_t pid);    // nullopt: no such process, or it has ended
bool is_proven_dead(const ProcessId& process);           // another boot, no such pid, another start time, or all its threads ended
FileDescriptor watch_process(const ProcessId& process);  // a pidfd, readable when it ends; empty: it has already ended
std::chrono::milliseconds age_of(const ProcessId& process);
// "user 'libvirt-qemu' (64055)", by its effective id; "an unknown user" if it has ended.
std::string user_of(const ProcessId& process);

// As facts "process.pid", "process.start", "process.boot".
void put_facts(const ProcessId& process, Facts& facts);
std::optional<ProcessId> process_from_facts(const Facts& facts);

}  // namespace blockplug
