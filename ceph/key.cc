// SPDX-License-Identifier: Apache-2.0
#include "ceph/key.h"

#include <fstream>
#include <optional>
#include <sstream>

namespace blockplug::rbd {
namespace {
std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::optional<std::string> key_in(const std::string& path, const std::string& section) {
  std::ifstream file{path};
  bool is_inside = false;
  for (std::string line; std::getline(file, line);) {
    line = trimmed(line);
    if (line.starts_with('[')) is_inside = line == section;
    const auto equals = line.find('=');
    if (is_inside && equals != std::string::npos && trimmed(line.substr(0, equals)) == "key")
      return trimmed(line.substr(equals + 1));
  }
  return std::nullopt;
}
}  // namespace

Result<Key> key_from_keyrings(const std::string& comma_separated_paths, const std::string& user) {
  std::istringstream paths{comma_separated_paths};
  for (std::string path; std::getline(paths, path, ',');)
    if (auto key = key_in(trimmed(path), "[client." + user + "]")) return Key{std::move(*key)};
  return no_effect(Code::NotFound, "no key of client." + user + " in " +
                                       (comma_separated_paths.empty() ? "any keyring" : comma_separated_paths) +
                                       ": set `keyring` in the backend's configuration, and make the file readable for the daemon");
}

}  // namespace blockplug::rbd
