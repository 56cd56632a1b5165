// SPDX-License-Identifier: Apache-2.0
#include "hotplug/vm/names.h"

namespace blockplug {
namespace {
constexpr std::string_view kMark = "bp.";
__extension__ using Wide = unsigned __int128;

// FNV-1a with 128 bits, with both halves mixed so that similar names give different hashes: not cryptographic.
Wide hash_of(std::string_view text) {
  constexpr Wide kPrime = (Wide{1} << 88) + 0x13b;
  Wide hash = (Wide{0x6c62272e07bb0142} << 64) + 0x62b821756295c58d;
  for (const char letter : text) {
    hash ^= static_cast<unsigned char>(letter);
    hash *= kPrime;
  }
  for (int round = 0; round < 2; ++round) {
    hash ^= hash >> 67;
    hash *= kPrime;
  }
  return hash ^ (hash >> 64);
}
}  // namespace

// 26 letters and digits of five bits each.
std::string hash_text(std::string_view text) {
  auto hash = hash_of(text);
  std::string digits;
  for (int place = 0; place < 26; ++place, hash >>= 5)
    digits += "abcdefghijklmnopqrstuvwxyz234567"[static_cast<unsigned>(hash & 31)];
  return digits;
}

std::uint32_t hash_number(std::string_view text) { return static_cast<std::uint32_t>(hash_of(text)); }

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
