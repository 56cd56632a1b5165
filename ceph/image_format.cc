// SPDX-License-Identifier: Apache-2.0
#include "ceph/image_format.h"

#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/never_written.h"

namespace blockplug::rbd {
namespace {
Result<std::string> id_of(Pool& pool, const ImageRef& image) {
  if (!image.id.empty()) return image.id;
  return find_image(pool, image.name);
}

Result<Header> header_of(Pool& pool, const ImageRef& image) { return read_header(pool, TRY(id_of(pool, image))); }
}  // namespace

Result<FormatRecord> ImageFormat::format_of(const Call& call) {
  const auto image = image_ref(call, place_);
  auto pool = TRY(open_pool(cluster_, image));
  const auto header = TRY(header_of(pool, image));
  if (header.format.empty()) return FormatRecord{};
  return format_record_from(header.format);
}

Status ImageFormat::set_format(const Call& call, const FormatRecord& record) {
  const auto image = image_ref(call, place_);
  auto pool = TRY(open_pool(cluster_, image));
  return set_metadata(pool, TRY(id_of(pool, image)), kFormatMark, to_text(record));
}

Result<bool> ImageFormat::is_never_written(const Call& call) {
  const auto image = image_ref(call, place_);
  auto pool = TRY(open_pool(cluster_, image));
  return rbd::is_never_written(pool, TRY(header_of(pool, image)));
}

}  // namespace blockplug::rbd
