// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/throttled_node.h"

#include <nlohmann/json.hpp>

#include "hotplug/vm/names.h"

namespace blockplug {
using Json = nlohmann::json;
namespace {
// On every node from the disk down: QEMU drops a TRIM at the first node that does not have it.
const char* discard_of(bool passes_trim) { return passes_trim ? "unmap" : "ignore"; }

Json throttle_filter(const VolumeId& volume, Access access, bool passes_trim, Json below) {
  return {{"driver", "throttle"},
          {"node-name", node_name(volume)},
          {"throttle-group", device_id(volume)},
          {"read-only", access == Access::ReadOnly},
          {"discard", discard_of(passes_trim)},
          {"file", std::move(below)}};
}
}  // namespace

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

bool passes_trim(const ThrottleLimits& limits) { return limits.bytes_per_second == 0; }

Json throttled_node(const VolumeId& volume, Access access, const NodeRecipe& recipe) {
  Json file = Json::parse(recipe.file_json);
  file["read-only"] = access == Access::ReadOnly;
  file["discard"] = discard_of(true);
  return throttle_filter(volume, access, recipe.passes_trim, std::move(file));
}

std::string node_below(const Json& statistics, const VolumeId& volume) {
  const auto name_in = [](const Json& node) {
    const auto name = node.is_object() ? node.find("node-name") : node.end();
    return name != node.end() && name->is_string() ? name->get<std::string>() : std::string{};
  };
  for (const auto& node : statistics)
    if (name_in(node) == node_name(volume) && node.contains("parent")) return name_in(node["parent"]);
  return {};
}

Json reopened_node(const VolumeId& volume, Access access, const ThrottleLimits& limits, const std::string& below) {
  return {{"options", Json::array({throttle_filter(volume, access, passes_trim(limits), below)})}};
}

Json new_limits(const VolumeId& volume, const ThrottleLimits& limits) {
  return {{"path", "/objects/" + device_id(volume)}, {"property", "limits"}, {"value", to_json(limits)}};
}

}  // namespace blockplug
