// SPDX-License-Identifier: Apache-2.0
#pragma once
// Image features by Ceph's names (include/rbd/features.h of Ceph). Without Ceph's libraries.
#include <cstdint>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"

namespace blockplug::rbd {

inline constexpr std::uint64_t kLayering = 1U << 0;
inline constexpr std::uint64_t kExclusiveLock = 1U << 2;
// layering, exclusive-lock, object-map, fast-diff, deep-flatten
inline constexpr std::uint64_t kDefaultFeatures = 61;

struct Feature {
  std::uint64_t bit{};
  const char* name{};
  bool is_for_readers{};   // whoever only reads must understand it, too
  bool is_chosen{};        // by who makes an image; the others come with what it is or becomes
  std::uint64_t needs{0};  // others without which it cannot be
};
const std::vector<Feature>& all_features();

// Of a new image; empty: the default. InvalidArgument: unknown feature, or a feature that it requires is missing.
Result<std::uint64_t> features_of(const std::vector<std::string>& names);

}  // namespace blockplug::rbd
