// SPDX-License-Identifier: Apache-2.0
#pragma once
// QEMU's arguments for a volume's block node, in a VM (Open) or in a storage daemon (the fuse mapper): a throttle filter over the
// recipe's node, and the limits of its group. Pure functions.
#include <nlohmann/json_fwd.hpp>

#include "hotplug/vm/inventory.h"
#include "hotplug/vm/node_source.h"

namespace blockplug {

ThrottleLimits limits_of(const Spec& spec);
nlohmann::json to_json(const ThrottleLimits& limits);

// Does the volume's node pass a TRIM on? Not below a limit of bytes per second: QEMU counts a TRIM as if its bytes were written, so
// that one of a whole file system would stop the disk for minutes or hours, longer than a guest's SCSI commands wait.
bool passes_trim(const ThrottleLimits& limits);

// Arguments of object-add and blockdev-add; names as in hotplug/vm/names.h.
nlohmann::json throttle_group(const VolumeId& volume, const ThrottleLimits& limits);
nlohmann::json throttled_node(const VolumeId& volume, Access access, const NodeRecipe& recipe);
// The name of the node below the throttle filter, in the reply of query-blockstats {query-nodes: true}, which reads no image.
// Empty: it is not there.
std::string node_below(const nlohmann::json& statistics, const VolumeId& volume);
// Arguments of blockdev-reopen, for other limits while it is in use. `below`: see node_below.
nlohmann::json reopened_node(const VolumeId& volume, Access access, const ThrottleLimits& limits, const std::string& below);
// Arguments of qom-set.
nlohmann::json new_limits(const VolumeId& volume, const ThrottleLimits& limits);

}  // namespace blockplug
