// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which volume or snapshot a request means. NotFound, and not InvalidArgument, where the text cannot be one of ours, because CSI
// asks that of every id that nothing is known by. Pure functions.
#include <string>

#include "volume-plugin/door/ids.h"
#include "volume-plugin/door/lookups.h"

namespace blockplug::csi {

// NotFound: no volume can have this id; FailedPrecondition: its backend is not configured.
Result<VolumeId> check_form(const BackendsByName& backends, const std::string& id);
Result<SnapshotId> check_snapshot_form(const BackendsByName& backends, const std::string& id);

}  // namespace blockplug::csi
