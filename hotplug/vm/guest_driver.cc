// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/guest_driver.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace blockplug {
namespace {
bool names(const nlohmann::json& reply, const char* object, const char* list, const char* text) {
  if (!reply.is_object() || !reply.contains(object) || !reply[object].is_object() || !reply[object].contains(list)) return false;
  const auto& entries = reply[object][list];
  return std::any_of(entries.begin(), entries.end(), [&](const nlohmann::json& entry) {
    return entry.is_string() && entry.get<std::string>().find(text) != std::string::npos;
  });
}
}  // namespace

bool is_driven_by_system(const nlohmann::json& virtio_status) {
  return names(virtio_status, "status", "statuses", "DRIVER_OK") &&
         (names(virtio_status, "guest-features", "transports", "EVENT_IDX") ||
          names(virtio_status, "guest-features", "transports", "INDIRECT_DESC"));
}

}  // namespace blockplug
