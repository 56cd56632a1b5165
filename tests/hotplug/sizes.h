// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace blockplug::testing {
inline constexpr std::int64_t kMebibyte = 1 << 20;
}
