// SPDX-License-Identifier: Apache-2.0
#pragma once
// How things of ours are called inside QEMU. Device and throttle group carry the volume id and can be read back; the block node's
// name has room for 31 characters only, so it is a hash. All are the same in every life of the daemon. Pure functions.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "attach-detach/ids.h"

namespace blockplug {

std::string device_id(const VolumeId& volume);                  // "bp.local.data-1"; also the id of its throttle group
std::optional<VolumeId> volume_of(std::string_view device_id);  // nullopt: not ours
std::string node_name(const VolumeId& volume);                  // "bp-" and 26 characters
std::string secret_name(const VolumeId& volume);             // of the object that its key is in while the node is opened
std::string hash_text(std::string_view text);                   // 26 small letters and digits; a name, not a protection

// Longest serial that a guest sees whole; virtio-blk cuts silently.
inline constexpr std::size_t kVirtioBlkSerialLength = 20;
inline constexpr std::size_t kScsiSerialLength = 36;
std::string serial_of(const VolumeId& volume, std::size_t longest);  // the id after the backend, or a hash of it

}  // namespace blockplug
