// SPDX-License-Identifier: Apache-2.0
// The limits of a local volume: an extended attribute of the volume's file that only root can see.
#include <sys/xattr.h>

#include <array>
#include <cerrno>

#include "attach-detach/volume_limits.h"
#include "volume-plugin/local/local_backend.h"
#include "volume-plugin/local/system_error.h"

namespace blockplug::local {
namespace {
constexpr const char* kAttribute = "trusted.blockplug.limits";

Error failed(int error, const std::string& what, const std::string& path, Effect effect = Effect::None) {
  if (error == ENOTSUP)
    return no_effect(
        Code::FailedPrecondition,
        "the file system of " + path + " does not support extended attributes: put the backend's path on ext4, xfs or btrfs");
  return system_error(error, what + " the limits of " + path, effect);
}
}  // namespace

// A file system without attributes has no limits.
Result<VolumeLimits> LocalBackend::limits_of(const VolumeFile& file, const std::string& path) const {
  std::array<char, 256> text{};
  const auto size = ::fgetxattr(file.fd.get(), kAttribute, text.data(), text.size());
  if (size < 0 && (errno == ENODATA || errno == ENOTSUP)) return VolumeLimits{};
  if (size < 0 && errno != ERANGE) return failed(errno, "read", path);
  auto limits = volume_limits_from(size < 0 ? "far too long" : std::string{text.data(), static_cast<std::size_t>(size)});
  return limits.ok() ? std::move(limits) : within(path, std::move(limits).error());
}

Result<Facts> LocalBackend::modify(const Order& order) {
  const auto file = TRY(directory_->open_volume(name_of(order.volume), Access::ReadOnly));
  const auto path = directory_->path_of(name_of(order.volume));
  auto known = TRY(limits_of(file, path));
  const auto limits = TRY(modified(std::move(known), order.arguments));
  if (const auto text = limits_text(limits); text.empty()) {
    if (::fremovexattr(file.fd.get(), kAttribute) != 0 && errno != ENODATA) return failed(errno, "remove", path);
  } else if (::fsetxattr(file.fd.get(), kAttribute, text.data(), text.size(), 0) != 0) {
    return failed(errno, "write", path);
  }
  if (::fsync(file.fd.get()) != 0) return failed(errno, "sync", path, Effect::Unknown);
  return limit_facts(limits);
}

}  // namespace blockplug::local
