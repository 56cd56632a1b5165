// SPDX-License-Identifier: Apache-2.0
#pragma once
// The form of ids and names. The CLI checks it before it calls the daemon; the daemon checks it again.
#include <string>

#include "attach-detach/outcome.h"

namespace blockplug {

// "<backend>/<name>". Backends restrict the name further.
Status check_volume_id(const std::string& text);

// The two parts of "<backend>/<volume>@<name>".
struct SnapshotId {
  std::string volume, name;
};
Result<SnapshotId> parse_snapshot_id(const std::string& text);
// [A-Za-z0-9._-]{1,128}, beginning with a letter or digit, and not with the reserved "blockplug.".
Status check_snapshot_name(const std::string& name);

// [A-Za-z0-9._-]{1,64}, neither "." nor "..".
Status check_vm_id(const std::string& text);

}  // namespace blockplug
