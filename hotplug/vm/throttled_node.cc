// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/throttled_node.h"

#include <nlohmann/json.hpp>

#include "hotplug/names.h"

namespace blockplug {
using Json = nlohmann::json;

ThrottleLimits limits_of(const Spec& spec) {
  const auto number = [&](const char* name) {
    const auto found = spec.limits.find(name);
    return found == spec.limits.end() ? std::int64_t{0} : found->second;
  };
  return {.iops = number("iops"), .bytes_per_second = number("bytes_per_second")};
}

Json to_json(const ThrottleLimits& limits) { return {{"iops-total", limits.iops}, {"bps-total", limits.bytes_per_second}}; }

Json throttle_group(const VolumeId& volume, const ThrottleLimits& limits) {
  return {{"qom-type", "throttle-group"}, {"id", device_id(volume)}, {"limits", to_json(limits)}};
}

Json throttled_node(const VolumeId& volume, Access access, const NodeRecipe& recipe) {
  const bool is_read_only = access == Access::ReadOnly;
  Json file = Json::parse(recipe.file_json);
  file["read-only"] = is_read_only;
  return {{"driver", "throttle"},
          {"node-name", node_name(volume)},
          {"throttle-group", device_id(volume)},
          {"read-only", is_read_only},
          {"file", std::move(file)}};
}

Json new_limits(const VolumeId& volume, const ThrottleLimits& limits) {
  return {{"path", "/objects/" + device_id(volume)}, {"property", "limits"}, {"value", to_json(limits)}};
}

}  // namespace blockplug
