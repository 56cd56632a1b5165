// SPDX-License-Identifier: Apache-2.0
#pragma once
// A volume's block node as QEMU is told it, in a VM (Open) or in a storage daemon (the fuse mapper): a throttle filter over what
// the recipe says, and the limits of its group. Pure functions.
#include <nlohmann/json_fwd.hpp>

#include "hotplug/vm/inventory.h"
#include "hotplug/vm/node_source.h"

namespace blockplug {

ThrottleLimits limits_of(const Spec& spec);
nlohmann::json to_json(const ThrottleLimits& limits);

// Arguments of object-add and blockdev-add; named as hotplug/names.h says.
nlohmann::json throttle_group(const VolumeId& volume, const ThrottleLimits& limits);
nlohmann::json throttled_node(const VolumeId& volume, Access access, const NodeRecipe& recipe);
// Arguments of qom-set.
nlohmann::json new_limits(const VolumeId& volume, const ThrottleLimits& limits);

}  // namespace blockplug
