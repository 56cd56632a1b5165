// SPDX-License-Identifier: Apache-2.0
#include "ceph/never_written.h"

#include <rbd/librbd.hpp>

#include "ceph/connection.h"
#include "ceph/snapshots.h"

namespace blockplug::rbd {
namespace {
constexpr std::int64_t kLargestWithoutMap = std::int64_t{64} << 30;  // without an object map each object must be checked
constexpr int kStop = -1;
}  // namespace

Result<bool> is_never_written(Pool& pool, const Header& header) {
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
