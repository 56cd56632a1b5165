// SPDX-License-Identifier: Apache-2.0
#pragma once
// Has the guest's operating system taken a virtio-blk disk? The firmware drives disks too while it looks for one to boot from; it
// is told from a system by the ring features it does not use. Pure.
#include <nlohmann/json_fwd.hpp>

namespace blockplug {

bool is_driven_by_system(const nlohmann::json& virtio_status);  // a reply of x-query-virtio-status

}  // namespace blockplug
