// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whom the doctor examines: this machine, with the directories that a configuration names. The defaults are the configuration's
// own.
#include <functional>
#include <map>
#include <string>

namespace blockplug::doctor {

// The errno of a system call whose arguments cannot be right: EINVAL from a kernel that has it, ENOSYS from one that does not.
int errno_of_bare_call(long number);

// "/usr/sbin/blockplug-helper" for "blockplug-helper" where this program is /usr/sbin/blockplugd.
std::string beside_this_program(const std::string& name);

struct Subject {
  // Of the directories below, as they are configured.
  std::string state_dir = "/var/lib/blockplug";
  std::string run_dir = "/run/blockplug";
  std::string vm_sockets = "/run/vms/{vm}/qmp.sock";
  std::map<std::string, std::string> volumes{{"local", "/var/lib/blockplug/volumes"}};  // of local backends, by their names
  std::string helper = beside_this_program("blockplug-helper");
  // What stands before /proc, /sys, /dev, /lib, /run/udev and the programs: a test's own tree; empty: the real ones.
  std::string root;
  std::function<int(long)> errno_of_call = errno_of_bare_call;
};

}  // namespace blockplug::doctor
