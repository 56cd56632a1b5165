// SPDX-License-Identifier: Apache-2.0
#include "hotplug/hash_text.h"

namespace blockplug {
namespace {
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

}  // namespace blockplug
