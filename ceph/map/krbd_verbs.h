// SPDX-License-Identifier: Apache-2.0
#pragma once
// What blockplug-helper does for the krbd mapper, because a write to /sys/bus/rbd may block indefinitely. Without Ceph's libraries.
#include <string>

#include "hotplug/host/helper/program.h"

namespace blockplug::rbd {

// The line for /sys/bus/rbd/add_single_major that maps an image, from the arguments of krbd-map. InvalidArgument: an argument is
// missing, or has a space, a comma or a control character.
Result<std::string> krbd_line(const Facts& arguments);

// Each has the argument sysfs ("/sys"). Errors have effect None unless they say otherwise.
//   krbd-map     monitors ("192.0.2.2:6789,…"), ms_mode (may be empty), user, keyrings (paths, separated by commas), mark, access
//                "ro"|"rw", pool, namespace (may be empty), image, osd_timeout_seconds ("0": none) → id. Already mapped so under
//                that mark: the same. The key is read here and added to the kernel's keyring under the mark's name, for this
//                process only.
//   krbd-unmap   id, mark → nothing. FailedPrecondition: still in use. Gone, or with another mark: nothing to do.
//   krbd-refresh id, mark → nothing: it has the image's current size. FailedPrecondition: it does not have this mark.
//   load-module  module (only "rbd") → nothing.
Verbs krbd_verbs();

}  // namespace blockplug::rbd
