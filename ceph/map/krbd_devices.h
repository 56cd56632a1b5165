// SPDX-License-Identifier: Apache-2.0
#pragma once
// RBD images that the kernel has mapped on this host: identified by image and marker, never by device number. Free functions, any
// thread; /sys answers without the cluster. (Linux, Documentation/ABI/testing/sysfs-bus-rbd, drivers/block/rbd.c.)
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/rung.h"

namespace blockplug::rbd {

struct KrbdDevice {
  std::string id;      // "0": its number on this host
  std::string path;    // "/dev/rbd0"
  std::string number;  // "251:0"
  std::string fsid, pool, name_space, image;
  std::string image_id;  // Ceph's
  std::string snapshot;  // "-": the image itself
  std::string client;    // its client's address with nonce: "192.0.2.7:0/1234567"
  std::string mark;      // the name of its key in the kernel: our marker, or anything for mappings of others
  Access access{};
  std::int64_t size_bytes{};
  bool operator==(const KrbdDevice&) const = default;
};

std::vector<KrbdDevice> krbd_devices(const std::filesystem::path& sysfs);
std::optional<KrbdDevice> krbd_device(const std::filesystem::path& sysfs, const std::string& id);  // nullopt: none

bool has_krbd(const std::filesystem::path& sysfs);                               // is the module loaded?
std::optional<std::uint64_t> krbd_features(const std::filesystem::path& sysfs);  // nullopt: an old kernel that does not report them
// The image's features that this kernel would need for such a mapping but lacks: "journaling, striping".
std::string missing_features(std::uint64_t features, std::uint64_t supported, Access access);

}  // namespace blockplug::rbd
