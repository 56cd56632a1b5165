// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace blockplug::cinder {

inline std::string lower_case(std::string text) {  // of ASCII letters
  for (auto& letter : text)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return text;
}

}  // namespace blockplug::cinder
