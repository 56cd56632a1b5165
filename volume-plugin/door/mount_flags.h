// SPDX-License-Identifier: Apache-2.0
#pragma once
// The mount flags of a request, as people write them in fstab or in a StorageClass, each where it belongs. Pure functions.
#include "attach-detach/outcome.h"
#include "volume-plugin/door/requests.h"

namespace blockplug {

// Each is one word, or a name and a value; a value in double quotes may have commas: context="a:b:c0,c1". InvalidArgument: not.
Status check_mount_flags(const std::vector<std::string>& flags);

// mount(8)'s own words ("_netdev", "nofail") are dropped. On the host, flags of the file system ("discard", "nouuid") go from the
// path to the trunk, where it is mounted once.
WantedAttachment with_sorted_flags(WantedAttachment wanted);

}  // namespace blockplug
