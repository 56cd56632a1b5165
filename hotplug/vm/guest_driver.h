// SPDX-License-Identifier: Apache-2.0
#pragma once
// Does the guest's operating system drive a virtio-blk disk? The firmware drives disks too while it searches for a boot disk; it is
// distinguished from an operating system by the ring features that it does not use. Pure.
#include <nlohmann/json_fwd.hpp>

namespace blockplug {

bool is_driven_by_system(const nlohmann::json& virtio_status);  // a reply of x-query-virtio-status

}  // namespace blockplug
