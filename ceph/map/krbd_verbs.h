// SPDX-License-Identifier: Apache-2.0
#pragma once
// What blockplug-helper does for the krbd mapper: a write to /sys/bus/rbd may never return. Needs nothing of Ceph's libraries.
#include <string>

#include "hotplug/helper/program.h"

namespace blockplug::rbd {

// The line that maps an image, for /sys/bus/rbd/add_single_major, of the arguments of krbd-map. InvalidArgument: a word in it would
// be taken for something else (it has a space, a comma or a control character), or is missing.
Result<std::string> krbd_line(const Facts& arguments);

// Each has the argument sysfs ("/sys"). Errors have effect None unless they say otherwise.
//   krbd-map     monitors ("192.0.2.2:6789,…"), ms_mode (perhaps empty), user, keyrings (paths, separated by commas), mark, access
//                "ro"|"rw", pool, namespace (perhaps empty), image, osd_timeout_seconds ("0": none) → id. Already mapped so under
//                that mark: the same. The key is read here and given to the kernel under the name of the mark, for this process
//                alone.
//   krbd-unmap   id, mark → nothing. FailedPrecondition: still in use. Gone, or under another mark: nothing to do.
//   krbd-refresh id, mark → nothing: it has the image's size of now. FailedPrecondition: it has no such mark (any more).
//   load-module  module, of which only "rbd" is taken → nothing.
Verbs krbd_verbs();

}  // namespace blockplug::rbd
