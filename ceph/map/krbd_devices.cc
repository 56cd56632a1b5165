// SPDX-License-Identifier: Apache-2.0
#include "ceph/map/krbd_devices.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include "attach-detach/number.h"
#include "ceph/features.h"
#include "hotplug/host/text_file.h"

namespace blockplug::rbd {
namespace {
namespace fs = std::filesystem;

fs::path devices_of(const fs::path& sysfs) { return sysfs / "bus/rbd/devices"; }

// The mapping line was "<monitors> name=a,key=bp-…,noshare <pool> <image> -".
std::string key_name_in(const std::string& config) {
  constexpr std::string_view kKey = "key=";
  std::istringstream words{config};
  std::string monitors, options;
  words >> monitors >> options;
  std::istringstream parts{options};
  for (std::string part; std::getline(parts, part, ',');)
    if (part.starts_with(kKey)) return part.substr(kKey.size());
  return {};
}
}  // namespace

std::optional<KrbdDevice> krbd_device(const fs::path& sysfs, const std::string& id) {
  const auto device = devices_of(sysfs) / id;
  const auto image_id = first_line_of(device / "image_id");
  if (!number_from<unsigned>(id) || image_id.empty()) return std::nullopt;
  const auto block = device / "block" / ("rbd" + id);
  const auto sectors = number_from<std::int64_t>(first_line_of(block / "size"));
  return KrbdDevice{.id = id,
                    .path = "/dev/rbd" + id,
                    .number = first_line_of(device / "major") + ":" + first_line_of(device / "minor"),
                    .fsid = first_line_of(device / "cluster_fsid"),
                    .pool = first_line_of(device / "pool"),
                    .name_space = first_line_of(device / "pool_ns"),
                    .image = first_line_of(device / "name"),
                    .image_id = image_id,
                    .snapshot = first_line_of(device / "current_snap"),
                    .client = first_line_of(device / "client_addr"),
                    .mark = key_name_in(first_line_of(device / "config_info")),
                    .access = first_line_of(block / "ro") == "1" ? Access::ReadOnly : Access::ReadWrite,
                    .size_bytes = sectors.value_or(0) * 512};
}

std::vector<KrbdDevice> krbd_devices(const fs::path& sysfs) {
  std::vector<KrbdDevice> found;
  std::error_code problem;
  for (fs::directory_iterator entry{devices_of(sysfs), problem}, end; !problem && entry != end; entry.increment(problem))
    if (auto device = krbd_device(sysfs, entry->path().filename())) found.push_back(std::move(*device));
  std::ranges::sort(found, {}, &KrbdDevice::path);
  return found;
}

bool has_krbd(const fs::path& sysfs) {
  std::error_code problem;
  return fs::exists(sysfs / "bus/rbd", problem);
}

std::optional<std::uint64_t> krbd_features(const fs::path& sysfs) {
  const auto text = first_line_of(sysfs / "bus/rbd/supported_features");
  return text.starts_with("0x") ? number_from<std::uint64_t>(std::string_view{text}.substr(2), 16) : std::nullopt;
}

std::string missing_features(std::uint64_t features, std::uint64_t supported, Access access) {
  std::string names;
  for (const auto& feature : all_features()) {
    const bool is_missing = (features & feature.bit) != 0 && (supported & feature.bit) == 0;
    if (is_missing && (feature.is_for_readers || access == Access::ReadWrite))
      names += (names.empty() ? "" : ", ") + std::string(feature.name);
  }
  return names;
}

}  // namespace blockplug::rbd
