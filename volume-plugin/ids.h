// SPDX-License-Identifier: Apache-2.0
#pragma once
// The names that a command line may hold, checked for their form before the daemon is troubled. It checks again.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug {

// "<backend>/<name>". What a name may hold beyond that is the backend's to say.
Status check_volume_id(const std::string& text);

// "<backend>/<volume>@<name>", in its two parts.
struct SnapshotId {
  std::string volume, name;
};
Result<SnapshotId> parse_snapshot_id(const std::string& text);
// [A-Za-z0-9._-]{1,128}, beginning with a letter or digit, and not as our own begin ("blockplug.").
Status check_snapshot_name(const std::string& name);

// [A-Za-z0-9._-]{1,64}, neither "." nor "..".
Status check_vm_id(const std::string& text);

}  // namespace blockplug
