// SPDX-License-Identifier: Apache-2.0
#pragma once
// Short names for long ones: the same on every machine and in every version. Not cryptographic. Pure functions.
#include <cstdint>
#include <string>
#include <string_view>

namespace blockplug {

std::string hash_text(std::string_view text);      // 26 lower-case letters and digits
std::uint32_t hash_number(std::string_view text);  // of the same hash

}  // namespace blockplug
