// SPDX-License-Identifier: Apache-2.0
#include "ceph/image_refusal.h"

#include <cerrno>
#include <cstdint>
#include <rbd/librbd.hpp>
#include <vector>

#include "ceph/connection.h"
#include "ceph/writable.h"

namespace blockplug::rbd {
namespace {
// 0: it has no limit of snapshots, or fewer (then it is the pool's quota that was reached), or that cannot be read.
std::uint64_t reached_limit_of_snapshots(librbd::Image& image) {
  std::uint64_t limit{};
  std::vector<librbd::snap_info_t> snapshots;
  if (image.snap_get_limit(&limit) != 0 || image.snap_list(snapshots) < 0) return 0;
  return snapshots.size() >= limit ? limit : 0;
}
}  // namespace

Error image_refusal(Pool& pool, librbd::Image& image, int answer, const std::string& what) {
  if (answer == -EROFS && is_mirrored_copy(image))
    return no_effect(Code::FailedPrecondition,
                     "cannot " + what + ": " + kNotPrimary +
                         ". Change it in the cluster where it is primary, or promote it (rbd mirror image promote)");
  if (answer == -EROFS) return no_effect(Code::Unavailable, "cannot " + what + ": another client keeps the image's exclusive lock");
  if (const auto limit = answer == -EDQUOT ? reached_limit_of_snapshots(image) : 0; limit != 0)
    return no_effect(Code::FailedPrecondition,
                     "cannot " + what + ": the image may have " + std::to_string(limit) +
                         " snapshots and has that many: delete one, or raise the limit (rbd snap limit set)");
  return pool.connection->error(answer, what, Effect::Unknown);
}

}  // namespace blockplug::rbd
