// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/doctor/doctor.h"

#include "volume-plugin/doctor/checks.h"

namespace blockplug::doctor {

// First what everything needs, then VMs, then host paths.
std::vector<Check> examine(const Subject& subject) {
  std::vector<Check> checks;
  if (!subject.has_machine) {
    for (auto* check : {check_rights, check_state_dir, check_run_dir}) checks.push_back(check(subject));
    return checks;
  }
  for (auto* check : {check_rights, check_state_dir, check_run_dir, check_helper, check_vm_sockets, check_guest_agents, check_loop,
                      check_mount_calls, check_ext4_driver, check_ext4_programs, check_xfs_driver, check_xfs_programs})
    checks.push_back(check(subject));
  for (const auto& [backend, directory] : subject.volumes) {
    checks.push_back(check_attributes(backend, directory));
    checks.push_back(check_trim(backend, directory));
  }
  for (auto* check : {check_udev, check_qemu_rbd, check_krbd, check_fuse, check_storage_daemon}) checks.push_back(check(subject));
  return checks;
}

}  // namespace blockplug::doctor
