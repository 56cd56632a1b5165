// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/bare_guest_mount.h"

namespace blockplug::bench {
namespace {

constexpr std::chrono::seconds kLimit{30};
constexpr const char *kDisk = "/dev/sda", *kPath = "/srv/bare";

Error failed(const std::string& what, const Agent::Ran& ran) {
  return maybe_effect(Code::Unavailable, what + " failed in the guest: " + ran.message);
}

}  // namespace

Result<BareGuestMount> BareGuestMount::make(Vm vm, const std::string& file) {
  return BareGuestMount(TRY(BareDisk::connect(vm.monitor, Bus::Scsi, recipe_of(file))), std::move(vm.agent));
}

// Counted: the agent serves one client at a time, so nobody may keep a connection.
Result<Agent> BareGuestMount::connect() const { return Agent::connect({"scsi", agent_}, Clock::now() + kLimit, {}); }

Status BareGuestMount::attach() {
  TRY(disk_->attach());
  auto agent = TRY(connect());
  const auto made = TRY(agent.change({"mkdir", "-p", kPath}));
  if (!made.is_ok()) return failed("mkdir", made);
  const auto limit = Clock::now() + kLimit;
  while (true) {
    const auto mounted = TRY(agent.change({"mount", "-t", "ext4", kDisk, kPath}));
    if (mounted.is_ok()) return Ok{};
    if (Clock::now() > limit) return failed("mount", mounted);
  }
}

Status BareGuestMount::detach() {
  {
    auto agent = TRY(connect());
    const auto unmounted = TRY(agent.change({"umount", kPath}));
    if (!unmounted.is_ok()) return failed("umount", unmounted);
  }
  return disk_->detach();
}

}  // namespace blockplug::bench
