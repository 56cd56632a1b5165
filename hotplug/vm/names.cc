// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/names.h"

#include "hotplug/hash_text.h"

namespace blockplug {
namespace {
constexpr std::string_view kMark = "bp.";
}  // namespace

std::string device_id(const VolumeId& volume) { return std::string(kMark) + backend_of(volume) + "." + name_of(volume); }

std::optional<VolumeId> volume_of(std::string_view device_id) {
  if (!device_id.starts_with(kMark)) return std::nullopt;
  device_id.remove_prefix(kMark.size());
  const auto dot = device_id.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == device_id.size()) return std::nullopt;
  return VolumeId(std::string(device_id.substr(0, dot)) + "/" + std::string(device_id.substr(dot + 1)));
}

std::string node_name(const VolumeId& volume) { return "bp-" + hash_text(volume.str()); }

std::string secret_name(const VolumeId& volume) { return node_name(volume) + "-key"; }

std::string serial_of(const VolumeId& volume, std::size_t longest) {
  const std::string whole = backend_of(volume) + "." + name_of(volume);
  return whole.size() <= longest ? whole : hash_text(volume.str()).substr(0, longest);
}

}  // namespace blockplug
