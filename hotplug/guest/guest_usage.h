// SPDX-License-Identifier: Apache-2.0
#pragma once
// How full a volume is that is mounted in a guest, as its agent says. A free function, any thread.
#include <string>

#include "hotplug/host/mount/usage.h"
#include "hotplug/vm/vms.h"

namespace blockplug {

// `disk`: as the guest calls it. Blocks until about `deadline`. NotFound: it is not mounted at `path` in the guest; Unavailable:
// the VM or its agent does not answer.
Result<mount::Usage> guest_usage_of(const Vms& vms, const std::string& vm, const std::string& path, const std::string& disk,
                                    Time deadline);

// What `stat -f -c '%S %b %f %a %c %d'` printed. Unavailable: it is no such answer, or it cannot be.
Result<mount::Usage> usage_in(const std::string& output);

}  // namespace blockplug
