// SPDX-License-Identifier: Apache-2.0
#pragma once
// The names of our objects inside QEMU. Device and throttle group contain the volume id, which can be read back; a block node's
// name has at most 31 characters, so it is a hash. Names never change between restarts of the daemon. Pure functions.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "attach-detach/ids.h"

namespace blockplug {

std::string device_id(const VolumeId& volume);                  // "bp.local.data-1"; also the id of its throttle group
std::optional<VolumeId> volume_of(std::string_view device_id);  // nullopt: not ours
std::string node_name(const VolumeId& volume);                  // "bp-" and 26 characters
std::string secret_name(const VolumeId& volume);                // the object that holds the key while the node is opened

// The longest serial that a guest sees in full; virtio-blk truncates silently.
inline constexpr std::size_t kVirtioBlkSerialLength = 20;
inline constexpr std::size_t kScsiSerialLength = 36;
// "local.data-1", or a hash where the bus would cut it. Never the same for two volumes: guests link, and multipath-tools joins, by
// it.
std::string serial_of(const VolumeId& volume, std::size_t longest);

}  // namespace blockplug
