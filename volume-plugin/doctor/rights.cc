// SPDX-License-Identifier: Apache-2.0
#include <linux/capability.h>

#include <cstdint>
#include <sstream>
#include <vector>

#include "volume-plugin/doctor/checks.h"
#include "volume-plugin/doctor/system.h"

namespace blockplug::doctor {
namespace {
struct Right {
  int number;
  const char *name, *without, *purpose;
};
// CAP_SYS_ADMIN is required. Without each of these, one function is missing.
constexpr Right kRights[] = {
    {CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", "a mounted ext4 cannot grow", "growing a mounted ext4"},
    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "messages cannot name who else uses a volume's file",
     "naming who else uses a volume's file"},
    {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE", "VM sockets of other users cannot be opened", "VMs that run as other users"},
};
constexpr const char* kName = "rights";
constexpr const char* kNeededFor = "everything";
constexpr const char* kBecomeRoot = "run as root: sudo blockplug doctor; or start the daemon: systemctl start blockplugd";

// "CapEff:\t000001ffffffffff", one bit per capability.
std::uint64_t effective_rights(const std::string& status) {
  const std::string label = "CapEff:";
  std::istringstream text(status);
  for (std::string word; text >> word;) {
    std::uint64_t bits{};
    if (word == label && text >> std::hex >> bits) return bits;
  }
  return 0;
}

bool has(std::uint64_t rights, int number) { return ((rights >> number) & 1) != 0; }

// Root of a user namespace is unprivileged here and cannot mount devices. The initial namespace maps every id to itself:
// "0 0 4294967295".
bool is_in_user_namespace(const std::string& root) {
  std::istringstream map(text_of(root + "/proc/self/uid_map"));
  std::uint64_t inside{}, outside{}, count{};
  return (map >> inside >> outside >> count) && (inside != 0 || outside != 0 || count != UINT32_MAX);
}
}  // namespace

Check check_rights(const Subject& subject) {
  const auto rights = effective_rights(text_of(subject.root + "/proc/self/status"));
  if (!has(rights, CAP_SYS_ADMIN))
    return {kName, State::Missing, "no CAP_SYS_ADMIN: no mounts, no loop devices", kBecomeRoot, kNeededFor};
  if (is_in_user_namespace(subject.root))
    return {kName, State::Missing, "root in a user namespace only: block devices cannot be mounted",
            "run in the host's user namespace (a container: not rootless, without userns-remap)", kNeededFor};
  std::vector<std::string> losses, names, purposes;
  for (const auto& right : kRights) {
    if (has(rights, right.number)) continue;
    losses.push_back(std::string("no ") + right.name + ": " + right.without);
    names.emplace_back(right.name);
    purposes.emplace_back(right.purpose);
  }
  if (losses.empty()) return {kName, State::Ok, "root with all required capabilities", {}, kNeededFor};
  return {kName, State::Limited, joined(losses, "; "),
          "grant " + joined(names, " ") + " (systemd: CapabilityBoundingSet=; a container: --privileged)", joined(purposes)};
}

}  // namespace blockplug::doctor
