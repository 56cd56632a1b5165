// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/local/local_backend.h"

#include <fcntl.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>

#include "attach-detach/number.h"
#include "volume-plugin/local/conflict.h"
#include "volume-plugin/local/lock.h"
#include "volume-plugin/local/name.h"
#include "volume-plugin/local/new_file.h"
#include "volume-plugin/local/system_error.h"
#include "volume-plugin/size.h"

namespace blockplug::local {
namespace {
Facts facts_of(const struct stat& status) {
  return {{"image", image_of(id_of(status)).str()}, {"size_bytes", std::to_string(status.st_size)}};
}

Result<std::int64_t> size_wanted(const Order& order) {
  const auto size_bytes = number_from<std::int64_t>(fact(order.arguments, "size_bytes"));
  if (!size_bytes)
    return no_effect(Code::InvalidArgument, "the order has no size: its argument size_bytes must be a number of bytes");
  TRY(check_size(*size_bytes));
  return *size_bytes;
}

WallClock::time_point created_at(int fd, const struct stat& status) {
  struct statx extended {};
  auto seconds = status.st_ctim.tv_sec;
  auto nanoseconds = static_cast<std::int64_t>(status.st_ctim.tv_nsec);
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &extended) == 0 && (extended.stx_mask & STATX_BTIME) != 0) {
    seconds = extended.stx_btime.tv_sec;
    nanoseconds = extended.stx_btime.tv_nsec;
  }
  return WallClock::time_point{
      std::chrono::duration_cast<WallClock::duration>(std::chrono::seconds{seconds} + std::chrono::nanoseconds{nanoseconds})};
}

Error unimplemented(const std::string& text) { return no_effect(Code::Unimplemented, text); }
}  // namespace

Result<std::unique_ptr<LocalBackend>> LocalBackend::open(std::string name, const std::filesystem::path& path) {
  auto directory = TRY(VolumeDirectory::open(path));
  TRY(sweep_unfinished_files(*directory));
  return std::unique_ptr<LocalBackend>(new LocalBackend(std::move(name), std::move(directory)));
}

Status LocalBackend::check_name(const std::string& name) const { return check_volume_name(name); }

Attempt LocalBackend::perform(const OrderCall& call) {
  const auto act = [&]() -> Result<Facts> {
    TRY(check_volume_name(name_of(call.order.volume)));
    switch (call.order.kind) {
      case OrderKind::Create: return create(call.order);
      case OrderKind::Resize: return resize(call.order);
      case OrderKind::Modify: return modify(call.order);
      case OrderKind::Delete: return remove(call.order);
      case OrderKind::Clone:
        return unimplemented("local volumes do not support copies: copy the data by hand, or use an rbd or cinder backend");
      case OrderKind::Snapshot: return unimplemented("local volumes do not support snapshots: use an rbd or cinder backend");
      case OrderKind::Fence: return unimplemented("local volumes are used by this host alone: there is no other node to fence");
    }
    CHECK(!"an order of a known kind");
    return Facts{};
  };
  auto facts = act();
  if (!facts.ok()) return std::move(facts).error();
  return Done{std::move(facts).value()};
}

Result<Facts> LocalBackend::create(const Order& order) {
  const auto name = name_of(order.volume);
  const auto size_bytes = TRY(size_wanted(order));
  auto existing = directory_->open_volume(name, Access::ReadOnly);
  if (!existing.ok() && existing.error().code == Code::NotFound) {
    TRY(check_room(size_bytes));
    TRY(make_volume_file(*directory_, name, size_bytes));  // a file that appeared meanwhile is treated like an existing one
    existing = directory_->open_volume(name, Access::ReadOnly);
  }
  const auto file = TRY(std::move(existing));
  if (file.status.st_size != size_bytes) {
    return no_effect(Code::AlreadyExists, "volume '" + name + "' already exists with " + format_size(file.status.st_size) +
                                              ", not " + format_size(size_bytes) + ": expand it, or use another name");
  }
  TRY(keep_callers_name(order, file));
  TRY(make_names_durable(*directory_));  // an earlier attempt may have crashed after its rename
  return facts_of(file.status);
}

Result<Facts> LocalBackend::resize(const Order& order) {
  const auto name = name_of(order.volume);
  const auto size_bytes = TRY(size_wanted(order));
  auto file = TRY(directory_->open_volume(name, Access::ReadWrite));
  if (size_bytes < file.status.st_size) {
    return no_effect(Code::OutOfRange, "volume '" + name + "' cannot shrink from " + format_size(file.status.st_size) + " to " +
                                           format_size(size_bytes) + ": that would lose data");
  }
  if (size_bytes > file.status.st_size) {
    TRY(check_room(size_bytes));
    if (::ftruncate(file.fd.get(), size_bytes) != 0) return system_error(errno, "grow " + directory_->path_of(name));
  }
  // Even if the size is right: an earlier attempt may have crashed before this.
  if (::fsync(file.fd.get()) != 0 || ::fstat(file.fd.get(), &file.status) != 0) {
    return system_error(errno, "write " + directory_->path_of(name) + " to disk", Effect::Unknown);
  }
  return facts_of(file.status);
}

Result<Facts> LocalBackend::remove(const Order& order) {
  const auto name = name_of(order.volume);
  const Facts gone{{"image", ""}};
  auto opened = directory_->open_volume(name, Access::ReadWrite);
  if (!opened.ok()) {
    if (opened.error().code != Code::NotFound) return std::move(opened).error();
    TRY(make_names_durable(*directory_));  // an earlier attempt may have crashed after its unlink
    return gone;
  }
  const auto& file = *opened;
  // The order is for an image, not for a name: a repeated order must not delete a newer volume of that name.
  if (const auto image = order.arguments.find("image");
      image != order.arguments.end() && image->second != image_of(id_of(file.status)).str())
    return gone;
  const auto refused = [&](const std::string& why) {
    return no_effect(Code::FailedPrecondition, "volume '" + name + "' cannot be deleted: " + why);
  };
  // Kept until the descriptor closes: no hold can be raised on a file that is being deleted.
  if (!TRY(take_daemon_lock(file.fd.get(), Access::ReadWrite))) return refused(explain_daemon_lock(id_of(file.status)));
  if (const auto user = TRY(find_foreign_user(file.fd.get(), id_of(file.status), Access::ReadWrite, {})))
    return refused(user->text);
  if (::unlinkat(directory_->fd(), VolumeDirectory::file_of(name).c_str(), 0) != 0 && errno != ENOENT) {
    return system_error(errno, "delete " + directory_->path_of(name));
  }
  release_daemon_lock(file.fd.get());
  TRY(make_names_durable(*directory_));
  return gone;
}

Result<std::int64_t> LocalBackend::available_bytes() {
  struct statvfs now {};
  if (::fstatvfs(directory_->fd(), &now) != 0)
    return system_error(errno, "read the usage of the file system of " + directory_->path());
  return static_cast<std::int64_t>(now.f_bavail * now.f_frsize);
}

Status LocalBackend::check_room(std::int64_t size_bytes) const {
  struct statvfs total {};
  if (::fstatvfs(directory_->fd(), &total) != 0)
    return system_error(errno, "get the size of the file system of " + directory_->path());
  const auto total_bytes = static_cast<std::int64_t>(total.f_blocks * total.f_frsize);
  if (size_bytes <= total_bytes || total_bytes == 0) return Ok{};  // 0: a tmpfs without a limit
  return no_effect(Code::OutOfRange, "a volume of " + format_size(size_bytes) + " does not fit: the file system of " +
                                         directory_->path() + " has " + format_size_roughly(total_bytes) + " in all");
}

VolumeInfo LocalBackend::info_of(const VolumeId& volume, const VolumeFile& file) const {
  constexpr std::int64_t kBlockBytes = 512;  // of st_blocks, whatever the file system's own is
  VolumeInfo info{.id = volume,
                  .size_bytes = file.status.st_size,
                  .image = image_of(id_of(file.status)),
                  .created = created_at(file.fd.get(), file.status),
                  .details = {{"path", directory_->path_of(name_of(volume))},
                              {"allocated_bytes", std::to_string(file.status.st_blocks * kBlockBytes)}}};
  if (auto name = callers_name_of(file); !name.empty()) info.details[kCallersName] = std::move(name);
  return info;
}

Result<VolumeInfo> LocalBackend::find(const VolumeId& volume) {
  const auto file = TRY(directory_->open_volume(name_of(volume), Access::ReadOnly));
  auto info = info_of(volume, file);
  info.limits = TRY(limits_of(file, directory_->path_of(name_of(volume))));
  return info;
}

Result<std::vector<SnapshotInfo>> LocalBackend::snapshots(const VolumeId& volume) {
  TRY(directory_->open_volume(name_of(volume), Access::ReadOnly));
  return std::vector<SnapshotInfo>{};
}

Result<std::vector<VolumeInfo>> LocalBackend::list() {
  std::vector<VolumeInfo> volumes;
  for (const auto& file : TRY(names_in(*directory_))) {
    const auto name = VolumeDirectory::volume_of(file);
    if (!name) continue;
    const auto opened = directory_->open_volume(*name, Access::ReadOnly);
    if (opened.ok()) {
      auto info = info_of(VolumeId{name_ + "/" + *name}, *opened);
      if (auto limits = limits_of(*opened, directory_->path_of(*name)); limits.ok()) info.limits = std::move(limits).value();
      volumes.push_back(std::move(info));
    } else if (opened.error().code != Code::NotFound && opened.error().code != Code::FailedPrecondition) {
      return opened.error();  // other errors than a file deleted meanwhile, or one that is not a volume
    }
  }
  std::ranges::sort(volumes, {}, &VolumeInfo::id);
  return volumes;
}

}  // namespace blockplug::local
