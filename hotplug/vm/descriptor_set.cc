// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/descriptor_set.h"

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>

#include "hotplug/hash_text.h"
#include "hotplug/vm/names.h"

namespace blockplug {
namespace {
constexpr std::string_view kDirectory = "/dev/fdset/";
constexpr std::string_view kMarker = "blockplug ";
constexpr std::uint32_t kOurs = 1U << 30;
constexpr std::uint32_t kRandom = (1U << 12) - 1;

std::uint32_t hash_of(const VolumeId& volume, std::string_view path) {
  return hash_number(device_id(volume) + " " + std::string(path)) & (kOurs - 1) & ~kRandom;
}
}  // namespace

int new_descriptor_set(const VolumeId& volume, std::string_view path) {
  return static_cast<int>(kOurs | hash_of(volume, path) | (std::random_device{}() & kRandom));
}

std::string path_of_set(int number) { return std::string(kDirectory) + std::to_string(number); }

bool is_set_of(std::string_view shown, const VolumeId& volume, std::string_view path) {
  if (!shown.starts_with(kDirectory)) return false;
  shown.remove_prefix(kDirectory.size());
  std::uint32_t number{};
  const auto* end = shown.data() + shown.size();
  const auto parsed = std::from_chars(shown.data(), end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end && (number & ~kRandom) == (kOurs | hash_of(volume, path));
}

std::string text_of_set(const VolumeId& volume) { return std::string(kMarker) + device_id(volume); }

std::map<int, VolumeId> our_sets(const nlohmann::json& sets) {
  std::map<int, VolumeId> found;
  for (const auto& set : sets) {
    if (!set.is_object() || !set.contains("fdset-id") || !set["fdset-id"].is_number_integer() || !set.contains("fds")) continue;
    for (const auto& entry : set["fds"]) {
      if (!entry.is_object() || !entry.contains("opaque") || !entry["opaque"].is_string()) continue;
      const auto text = entry["opaque"].get<std::string>();
      if (!text.starts_with(kMarker)) continue;
      if (const auto volume = volume_of(std::string_view(text).substr(kMarker.size())))
        found.emplace(set["fdset-id"].get<int>(), *volume);
    }
  }
  return found;
}

}  // namespace blockplug
