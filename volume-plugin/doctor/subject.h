// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the doctor examines: this machine, with the directories of a configuration. The defaults are those of the configuration.
#include <functional>
#include <map>
#include <string>

namespace blockplug::doctor {

// The errno of a system call with invalid arguments: EINVAL from a kernel that has the call, ENOSYS from one that does not.
int errno_of_bare_call(long number);

// "/usr/sbin/blockplug-helper" for "blockplug-helper" if this program is /usr/sbin/blockplugd.
std::string beside_this_program(const std::string& name);

// The daemon's helper: beside this program; where that is /usr/bin/blockplug, in /usr/sbin, where the daemon is installed.
std::string helper_of_the_daemon();

struct Subject {
  // As configured.
  std::string state_dir = "/var/lib/blockplug";
  std::string run_dir = "/run/blockplug";
  std::string vm_sockets = "/run/vms/{vm}/qmp.sock";
  std::map<std::string, std::string> volumes{{"local", "/var/lib/blockplug/volumes"}};  // of local backends, by their names
  std::string helper = helper_of_the_daemon();
  bool has_machine{true};  // it serves VMs and paths here; false: it has the cluster's volumes alone
  // Prefix of /proc, /sys, /dev, /lib, /run/udev and the programs: a test's own tree; empty: the real ones.
  std::string root;
  std::function<int(long)> errno_of_call = errno_of_bare_call;
};

}  // namespace blockplug::doctor
