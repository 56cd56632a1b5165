// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/reach.h"

#include <algorithm>

namespace blockplug {
namespace {
// As kept by the rung itself, or by one below it.
std::optional<ProcessId> recorded(const Call& call) {
  if (auto own = process_from_facts(call.before)) return own;
  return process_from_facts(call.below);
}
}  // namespace

std::string vm_of(const TargetId& target) {
  const std::string& text = target.str();
  return text.starts_with("vm:") ? text.substr(3) : std::string{};
}

Reach reach(const Vms& vms, const Call& call) {
  const std::string id = vm_of(call.key.target);
  const std::string name = "VM " + id;
  const auto vm = vms.find(id);
  const Vm::Sight sight = vm ? vm->sight() : Vm::Sight{};
  std::vector<ProcessId> living = sight.others;
  const auto before = recorded(call);
  if (before && before != sight.process && std::find(living.begin(), living.end(), *before) == living.end() &&
      !is_proven_dead(*before))
    living.push_back(*before);

  if (sight.is_connected && sight.is_stalled)
    return {Reach::Kind::Uncertain,
            nullptr,
            {},
            name + " has not answered the last command yet; Blockplug continues when QEMU answers"};
  if (!living.empty()) {
    const std::string process = "process " + std::to_string(living.front().pid);
    if (sight.is_connected)
      return {Reach::Kind::Uncertain, nullptr, {}, name + " has a new process, but its earlier " + process + " is still alive"};
    return {Reach::Kind::Uncertain,
            nullptr,
            {},
            name + " does not answer, and its " + process + " is alive" + (sight.why.empty() ? "" : ": " + sight.why)};
  }
  if (sight.is_connected && sight.process) return {Reach::Kind::Ready, vm, *sight.process, {}};
  if (vms.has_socket(id))
    return {Reach::Kind::Absent, nullptr, {}, name + " does not answer yet" + (sight.why.empty() ? "" : ": " + sight.why)};
  return {Reach::Kind::Absent, nullptr, {}, name + " is not running"};
}

}  // namespace blockplug
