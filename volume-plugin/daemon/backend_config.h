// SPDX-License-Identifier: Apache-2.0
#pragma once
// One configured backend: its kind, and its keys as that kind read them. Values.
#include <map>
#include <string>
#include <vector>

namespace blockplug {

struct BackendConfig {
  std::string type;  // "rbd"
  // Checked, each in its one form ("5m", an absolute path), with the kind's defaults. A key that was not given has no entry.
  std::map<std::string, std::vector<std::string>> keys{};

  std::vector<std::string> all(const std::string& key) const {
    const auto found = keys.find(key);
    return found == keys.end() ? std::vector<std::string>{} : found->second;
  }
  std::string one(const std::string& key) const {
    const auto values = all(key);
    return values.empty() ? std::string{} : values.front();
  }
  bool operator==(const BackendConfig&) const = default;
};

}  // namespace blockplug
