// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <optional>
#include <string>

namespace blockplug {

inline constexpr std::size_t kMostSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;  // 107; the rest is the final NUL

// nullopt: the path is empty, longer than that, or has a NUL in it.
inline std::optional<sockaddr_un> unix_address(const std::string& path) {
  if (path.empty() || path.size() > kMostSocketPathBytes || path.find('\0') != std::string::npos) return std::nullopt;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  return address;
}

}  // namespace blockplug
