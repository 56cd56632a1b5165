// SPDX-License-Identifier: Apache-2.0
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "volume-plugin/doctor/checks.h"
#include "volume-plugin/doctor/system.h"

namespace blockplug::doctor {
namespace {
constexpr std::string_view kHole = "{vm}";

std::string with_vm(std::string pattern, const std::string& vm) {
  const auto hole = pattern.find(kHole);
  return hole == std::string::npos ? pattern : pattern.replace(hole, kHole.size(), vm);
}

// The pattern for glob(3): a * for {vm}, all other special characters escaped.
std::string as_glob(const std::string& pattern) {
  std::string text;
  for (const char character : with_vm(pattern, std::string(1, '\0'))) {
    if (std::string_view("*?[\\").find(character) != std::string_view::npos) text += '\\';
    text += character == '\0' ? '*' : character;
  }
  return text;
}

bool is_socket(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

// Does not connect: a monitor serves one client at a time, and that is the daemon.
std::vector<std::string> sockets_of(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> sockets;
  if (::glob(as_glob(pattern).c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    std::copy_if(found.gl_pathv, found.gl_pathv + found.gl_pathc, std::back_inserter(sockets), is_socket);
  ::globfree(&found);
  return sockets;
}

std::string directory_of(const std::string& pattern) { return pattern.substr(0, pattern.rfind('/', pattern.find(kHole))); }

// Otherwise all monitors are in one directory, and no agent's socket can be beside each.
bool has_directory_per_vm(const std::string& pattern) {
  const auto hole = pattern.find(kHole);
  return hole != std::string::npos && pattern.find('/', hole) != std::string::npos;
}

std::string agent_beside(const std::string& monitor) { return std::filesystem::path(monitor).parent_path() / "qga.sock"; }
}  // namespace

Check check_vm_sockets(const Subject& subject) {
  const auto& pattern = subject.vm_sockets;
  Check check{"VM sockets", State::Ok, {}, {}, "volumes in VMs"};
  const auto count = sockets_of(pattern).size();
  check.found = std::to_string(count) + " socket" + plural(count) + " at " + pattern;
  if (count > 0) return check;
  check.state = State::Limited;
  if (!exists(directory_of(pattern))) check.found = "no VMs found: no such directory: " + directory_of(pattern);
  check.remedy = "start a VM with -qmp unix:" + with_vm(pattern, "ID") + ",server=on,wait=off; or set vms.sockets";
  return check;
}

Check check_guest_agents(const Subject& subject) {
  const auto monitors = sockets_of(subject.vm_sockets);
  Check check{"guest agents", State::Ok, "no VMs found", {}, "mounts inside VMs (--guest-path)"};
  if (monitors.empty()) return check;
  if (!has_directory_per_vm(subject.vm_sockets)) {
    check.state = State::Limited;
    check.found = "agents cannot be found because VMs have no directory of their own: vms.sockets is " + subject.vm_sockets;
    check.remedy =
        "set vms.sockets to a path with a directory per VM, such as /run/vms/{vm}/qmp.sock, with the agent's qga.sock beside it";
    return check;
  }
  std::vector<std::string> without;
  for (const auto& monitor : monitors)
    if (!is_socket(agent_beside(monitor))) without.push_back(agent_beside(monitor));
  const auto count = monitors.size() - without.size();
  check.found = std::to_string(count) + " of " + std::to_string(monitors.size()) + " VM" + plural(monitors.size());
  if (without.empty()) return check;
  check.state = State::Limited;
  check.found += " have a qga.sock beside the monitor; missing: " + *std::min_element(without.begin(), without.end()) +
                 (without.size() > 1 ? " and others" : "");
  check.remedy =
      "start the VM with a virtserialport org.qemu.guest_agent.0 on that socket; in the guest: apt install qemu-guest-agent";
  return check;
}

}  // namespace blockplug::doctor
