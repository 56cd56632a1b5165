// SPDX-License-Identifier: Apache-2.0
// RbdBackend: what the image says of its formatting, and whether anything was ever written into it.
#include <rbd/librbd.hpp>

#include "ceph/backend.h"
#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/snapshots.h"

namespace blockplug::rbd {
namespace {
constexpr std::int64_t kLargestWithoutMap = std::int64_t{64} << 30;  // without an object map each object is asked for
constexpr int kStop = -1;
}  // namespace

Result<FormatRecord> RbdBackend::format_of(const VolumeId& volume) {
  auto pool = TRY(this->pool());
  const auto header = TRY(read_header_of(pool, name_of(volume)));
  if (header.format.empty()) return FormatRecord{};
  return format_record_from(header.format);
}

Status RbdBackend::set_format(const VolumeId& volume, const FormatRecord& record) {
  auto pool = TRY(this->pool());
  return set_metadata(pool, TRY(find_image(pool, name_of(volume))), kFormatMark, to_text(record));
}

// No object of its own, and none of a parent.
Result<bool> RbdBackend::is_never_written(const VolumeId& volume) {
  auto pool = TRY(this->pool());
  const auto header = TRY(read_header_of(pool, name_of(volume)));
  if ((header.features & RBD_FEATURE_FAST_DIFF) == 0 && header.size_bytes > kLargestWithoutMap) return false;
  OpenImage opened;
  TRY(open_to_read(pool, header.id, opened));
  librbd::linked_image_spec_t parent;
  librbd::snap_spec_t snapshot;
  if (opened.image->get_parent(&parent, &snapshot) == 0) return false;
  bool is_empty = true;
  const auto saw = [](std::uint64_t, std::size_t, int exists, void* empty) {
    if (exists == 0) return 0;
    *static_cast<bool*>(empty) = false;
    return kStop;
  };
  const int answer = opened.image->diff_iterate2(nullptr, 0, static_cast<std::uint64_t>(header.size_bytes), /*include_parent=*/true,
                                                 /*whole_object=*/true, saw, &is_empty);
  if (answer < 0 && is_empty) return pool.connection->error(answer, "look for written objects of image " + header.id, Effect::None);
  return is_empty;
}

}  // namespace blockplug::rbd
