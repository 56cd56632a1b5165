// SPDX-License-Identifier: Apache-2.0
// RbdBackend: what the image says of its formatting, and whether anything was ever written into it.
#include "ceph/backend.h"
#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/never_written.h"

namespace blockplug::rbd {
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

Result<bool> RbdBackend::is_never_written(const VolumeId& volume) {
  auto pool = TRY(this->pool());
  return rbd::is_never_written(pool, TRY(read_header_of(pool, name_of(volume))));
}

}  // namespace blockplug::rbd
