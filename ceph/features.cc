// SPDX-License-Identifier: Apache-2.0
#include "ceph/features.h"

#include <algorithm>

namespace blockplug::rbd {

const std::vector<Feature>& all_features() {
  static const std::vector<Feature> kAll{
      {kLayering, "layering", true, true},           {1U << 1, "striping", true, false},
      {1U << 2, "exclusive-lock", false, true},      {1U << 3, "object-map", false, true, 1U << 2},
      {1U << 4, "fast-diff", false, true, 1U << 3},  {1U << 5, "deep-flatten", false, true},
      {1U << 6, "journaling", false, true, 1U << 2}, {1U << 7, "data-pool", true, false},
      {1U << 8, "operations", false, false},         {1U << 9, "migrating", false, false},
      {1U << 10, "non-primary", false, false},       {1U << 11, "dirty-cache", true, false}};
  return kAll;
}

Result<std::uint64_t> features_of(const std::vector<std::string>& names) {
  if (names.empty()) return kDefaultFeatures;
  std::uint64_t chosen{};
  for (const auto& name : names) {
    std::string choices;
    for (const auto& feature : all_features()) {
      if (!feature.is_chosen) continue;
      if (name == feature.name) chosen |= feature.bit;
      choices += (choices.empty() ? "" : ", ") + std::string{feature.name};
    }
    if (std::ranges::none_of(all_features(), [&](const Feature& feature) { return feature.is_chosen && name == feature.name; }))
      return no_effect(Code::InvalidArgument, "'" + name + "' is not a feature of new images; choose from " + choices);
  }
  for (const auto& feature : all_features())
    for (const auto& needed : all_features())
      if ((chosen & feature.bit) != 0 && (feature.needs & needed.bit) != 0 && (chosen & needed.bit) == 0)
        return no_effect(Code::InvalidArgument,
                         std::string{feature.name} + " requires " + needed.name + ": add it, or remove " + feature.name);
  return chosen;
}

}  // namespace blockplug::rbd
