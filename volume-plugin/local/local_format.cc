// SPDX-License-Identifier: Apache-2.0
// The format record of a local volume: an extended attribute of the volume's file that only root can see.
#include <sys/xattr.h>

#include <array>
#include <cerrno>

#include "volume-plugin/local/local_backend.h"
#include "volume-plugin/local/never_written.h"
#include "volume-plugin/local/system_error.h"

namespace blockplug::local {
namespace {
constexpr const char* kAttribute = "trusted.blockplug.format";

Error failed(int error, const std::string& what, const std::string& path, Effect effect = Effect::None) {
  if (error == ENOTSUP)
    return no_effect(
        Code::FailedPrecondition,
        "the file system of " + path + " does not support extended attributes: put the backend's path on ext4, xfs or btrfs");
  return system_error(error, what + " the format record of " + path, effect);
}
}  // namespace

Result<FormatRecord> LocalBackend::format_of(const Call& call) {
  const auto file = TRY(directory_->open_volume(name_of(call.key.volume), Access::ReadOnly));
  const auto path = directory_->path_of(name_of(call.key.volume));
  std::array<char, 256> text{};
  const auto size = ::fgetxattr(file.fd.get(), kAttribute, text.data(), text.size());
  if (size >= 0) {
    auto record = format_record_from({text.data(), static_cast<std::size_t>(size)});
    return record.ok() ? std::move(record) : within(path, std::move(record).error());
  }
  if (errno == ENODATA) return FormatRecord{};
  if (errno == ERANGE)
    return no_effect(Code::DataLoss, path + ": the volume's format record is too long, so Blockplug did not write it");
  return failed(errno, "read", path);
}

Status LocalBackend::set_format(const Call& call, const FormatRecord& record) {
  const auto file = TRY(directory_->open_volume(name_of(call.key.volume), Access::ReadOnly));
  const auto path = directory_->path_of(name_of(call.key.volume));
  if (record.state == FormatRecord::State::Never) {
    if (::fremovexattr(file.fd.get(), kAttribute) != 0 && errno != ENODATA) return failed(errno, "remove", path);
  } else {
    const auto text = to_text(record);
    if (!format_record_from(text).ok()) return no_effect(Code::InvalidArgument, "not a format record: '" + text + "'");
    if (::fsetxattr(file.fd.get(), kAttribute, text.data(), text.size(), 0) != 0) return failed(errno, "write", path);
  }
  if (::fsync(file.fd.get()) != 0) return failed(errno, "sync", path, Effect::Unknown);
  return Ok{};
}

Result<bool> LocalBackend::is_never_written(const Call& call) {
  const auto file = TRY(directory_->open_volume(name_of(call.key.volume), Access::ReadOnly));
  return local::is_never_written(file.fd.get(), file.status.st_size);
}

}  // namespace blockplug::local
