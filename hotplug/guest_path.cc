// SPDX-License-Identifier: Apache-2.0
#include "hotplug/guest_path.h"

#include <algorithm>

#include "hotplug/hash_text.h"

namespace blockplug {
namespace {
constexpr const char* kGuestDirectory = "/run/blockplug/volumes/";
}

std::string guest_path_of(const VolumeId& volume) {
  const auto& text = volume.str();
  const bool is_plain = std::ranges::all_of(text, [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           std::string_view("._-/").find(letter) != std::string_view::npos;
  });
  const auto framed = "/" + text + "/";
  const auto has = [&](const char* part) { return framed.find(part) != std::string::npos; };
  const bool is_path = is_plain && !has("//") && !has("/./") && !has("/../");
  return kGuestDirectory + (is_path ? text : hash_text(text));
}

}  // namespace blockplug
