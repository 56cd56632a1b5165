// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the door needs to know of the places that volumes are attached to.
#include "attach-detach/ids.h"
#include "attach-detach/outcome.h"

namespace blockplug {

class Targets {
 public:
  virtual ~Targets() = default;
  // Is it for this daemon to attach volumes there? Otherwise says who does. Any thread.
  virtual Status serves(const TargetId& target) const = 0;
  // NotFound: a VM that is not there, with where it was looked for. Looks at files: on a worker.
  virtual Status check_present(const TargetId& target) const = 0;
};

}  // namespace blockplug
