// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest/guest_usage.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "attach-detach/printable.h"
#include "hotplug/guest/agent.h"
#include "hotplug/guest/guest_mounts.h"
#include "hotplug/vm/vm.h"

namespace blockplug {
namespace {
// Block size, blocks, free blocks, those for users, inodes, free inodes.
constexpr const char* kFormat = "%S %b %f %a %c %d";
}  // namespace

Result<mount::Usage> usage_in(const std::string& output) {
  std::istringstream text(output);
  std::array<std::int64_t, 6> numbers{};
  for (auto& number : numbers)
    if (!(text >> number) || number < 0)
      return no_effect(Code::Unavailable, "the guest's stat answered '" + printable(output) + "'");
  const auto [block, blocks, free, available, inodes, free_inodes] = numbers;
  constexpr std::int64_t kMostBlocks = std::int64_t{1} << 62;
  if (block == 0 || blocks > kMostBlocks / block || free > blocks || available > blocks || free_inodes > inodes)
    return no_effect(Code::Unavailable, "the guest's stat answered '" + printable(output) + "', which cannot be");
  return mount::Usage{.total_bytes = blocks * block,
                      .used_bytes = (blocks - free) * block,
                      .available_bytes = available * block,
                      .total_inodes = inodes,
                      .used_inodes = inodes - free_inodes,
                      .available_inodes = free_inodes,
                      .has_filesystem = true};
}

Result<mount::Usage> guest_usage_of(const Vms& vms, const std::string& vm, const std::string& path, const std::string& disk,
                                    Time deadline) {
  const auto there = vms.find(vm);
  if (there == nullptr) return no_effect(Code::Unavailable, "VM " + vm + " is not there");
  if (const auto state = there->sight().run_state; !state.empty() && state != "running")
    return no_effect(Code::Unavailable, "VM " + vm + " is " + state + "; its guest agent answers only while it is running");
  auto agent = TRY(Agent::connect({vm, there->agent_socket()}, deadline, {}));
  const auto mounts = TRY(read_guest_mounts(agent));
  const auto top = std::find_if(mounts.rbegin(), mounts.rend(), [&](const MountEntry& mount) { return mount.path == path; });
  if (top == mounts.rend() || (!disk.empty() && top->source != disk))
    return no_effect(Code::NotFound, "the volume is not mounted at " + path + " in VM " + vm);
  const auto ran = TRY(agent.look({"stat", "-f", "-c", kFormat, path}));
  if (!ran.is_ok()) return no_effect(Code::Unavailable, "VM " + vm + ": stat -f " + path + ": " + ran.message);
  return usage_in(ran.output);
}

}  // namespace blockplug
