// SPDX-License-Identifier: Apache-2.0
#pragma once
// Words for one line of a message.
#include <string>
#include <vector>

namespace blockplug {

inline std::string joined(const std::vector<std::string>& words, const std::string& between = ", ") {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

}  // namespace blockplug
