// SPDX-License-Identifier: Apache-2.0
// What its caller calls a local volume whose file has another name: an extended attribute of the file that only root can see.
#include <sys/xattr.h>

#include <array>
#include <cerrno>

#include "volume-plugin/local/local_backend.h"
#include "volume-plugin/local/system_error.h"

namespace blockplug::local {
namespace {
constexpr const char* kAttribute = "trusted.blockplug.name";
}

// Only for people: a file system without attributes keeps none.
Status LocalBackend::keep_callers_name(const Order& order, const VolumeFile& file) const {
  const auto name = fact(order.arguments, kCallersName);
  if (name.empty() || ::fsetxattr(file.fd.get(), kAttribute, name.data(), name.size(), 0) == 0 || errno == ENOTSUP) return Ok{};
  return system_error(errno, "write the name of " + directory_->path_of(name_of(order.volume)), Effect::Unknown);
}

std::string LocalBackend::callers_name_of(const VolumeFile& file) {
  std::array<char, 256> text{};
  const auto size = ::fgetxattr(file.fd.get(), kAttribute, text.data(), text.size());
  return size < 0 ? std::string{} : std::string{text.data(), static_cast<std::size_t>(size)};
}

}  // namespace blockplug::local
