// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the door needs to know of the places that volumes are attached to.
#include <string>

#include "attach-detach/ids.h"
#include "attach-detach/outcome.h"
#include "hotplug/host/mount/usage.h"

namespace blockplug {

class Targets {
 public:
  virtual ~Targets() = default;
  // Is it for this daemon to attach volumes there? Otherwise says who does. Any thread.
  virtual Status serves(const TargetId& target) const = 0;
  // NotFound: a VM that is not there, with where it was looked for. Looks at files: on a worker.
  virtual Status check_present(const TargetId& target) const = 0;
  // How full the volume is that is mounted at a path of the target; see mount::usage_of and guest_usage_of, whose disk is the
  // number. On a worker.
  virtual Result<mount::Usage> usage(const AttachmentKey& key, const std::string& path, const std::string& number,
                                     Time deadline) = 0;
};

}  // namespace blockplug
