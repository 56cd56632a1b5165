// SPDX-License-Identifier: Apache-2.0
#pragma once
// The single checks; `examine` runs all of them. For doctor.cc and the tests.
#include <string>

#include "volume-plugin/doctor/check.h"
#include "volume-plugin/doctor/subject.h"

namespace blockplug::doctor {

// rights.cc
Check check_rights(const Subject& subject);
// kernel.cc
Check check_mount_calls(const Subject& subject);
Check check_ext4_driver(const Subject& subject);
Check check_xfs_driver(const Subject& subject);
Check check_udev(const Subject& subject);
// devices.cc
Check check_loop(const Subject& subject);
Check check_fuse(const Subject& subject);
Check check_krbd(const Subject& subject);
// programs.cc
Check check_ext4_programs(const Subject& subject);
Check check_xfs_programs(const Subject& subject);
Check check_storage_daemon(const Subject& subject);
Check check_qemu_rbd(const Subject& subject);
Check check_helper(const Subject& subject);
// machines.cc
Check check_vm_sockets(const Subject& subject);
Check check_guest_agents(const Subject& subject);
// directories.cc
Check check_state_dir(const Subject& subject);
Check check_run_dir(const Subject& subject);
// attributes.cc
Check check_attributes(const std::string& backend, const std::string& directory);
// trim.cc
Check check_trim(const std::string& backend, const std::string& directory);

}  // namespace blockplug::doctor
