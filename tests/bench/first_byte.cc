// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/first_byte.h"

#include "hotplug/guest/agent.h"

namespace blockplug::bench {

// Its words are one write each, as pod-init's are, so that neither tears the other's.
Status await_first_byte(const std::string& agent_socket, Bus bus) {
  const std::string disk = bus == Bus::Scsi ? "/dev/sda" : "/dev/vda";
  const auto microseconds = std::to_string(std::chrono::microseconds(kGuestLooks).count());
  const auto script = "(until [ -b " + disk + " ]; do usleep " + microseconds + "; done; until dd if=" + disk +
                      " of=/dev/null bs=512 count=1 iflag=direct; do :; done; echo GUEST-BYTE >/dev/ttyS0) >/dev/null 2>&1 &";
  auto agent = TRY(Agent::connect({to_text(bus), agent_socket}, Clock::now() + std::chrono::seconds(30), {}));
  const auto started = TRY(agent.change({"sh", "-c", script}));
  if (started.is_ok()) return Ok{};
  return maybe_effect(Code::Unavailable, "the guest cannot wait for its disk: " + started.message);
}

}  // namespace blockplug::bench
