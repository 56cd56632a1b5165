// SPDX-License-Identifier: Apache-2.0
#include "ceph/snapshots.h"

#include <cerrno>
#include <rbd/librbd.hpp>

#include "attach-detach/joined.h"
#include "ceph/connection.h"
#include "ceph/image_lock.h"
#include "ceph/image_refusal.h"

namespace blockplug::rbd {
namespace {
Result<std::vector<std::string>> clones_of(Pool& pool, librbd::Image& image, const std::string& snapshot) {
  std::vector<librbd::linked_image_spec_t> children;
  if (const int set = image.snap_set(snapshot.c_str()); set < 0)
    return pool.connection->error(set, "look at snapshot '" + snapshot + "'", Effect::None);
  const int listed = image.list_children3(&children);
  image.snap_set(nullptr);
  if (listed < 0) return pool.connection->error(listed, "list the clones of snapshot '" + snapshot + "'", Effect::None);
  std::vector<std::string> names;
  for (const auto& child : children)
    names.push_back(image_name({.backend = {}, .pool = child.pool_name, .name_space = child.pool_namespace}, child.image_name));
  return names;
}
}  // namespace

OpenImage::OpenImage() : image(std::make_unique<librbd::Image>()) {}
OpenImage::~OpenImage() = default;

Status open_to_read(Pool& pool, const std::string& id, OpenImage& opened) {
  const int answer = librbd::RBD{}.open_by_id_read_only(pool.io, *opened.image, id.c_str(), nullptr);
  if (answer < 0) return pool.connection->error(answer, "open image " + id, Effect::None);
  return Ok{};
}

Status open_to_change(Pool& pool, const std::string& id, OpenImage& opened) {
  const auto header = TRY(read_header(pool, id));
  TRY(check_writers_answer(pool, header));
  const int answer = librbd::RBD{}.open_by_id(pool.io, *opened.image, id.c_str());
  if (answer < 0) return pool.connection->error(answer, "open image " + id, Effect::None);
  return Ok{};
}

Result<std::vector<SnapshotInfo>> snapshots_of(Pool& pool, librbd::Image& image) {
  std::vector<librbd::snap_info_t> listed;
  if (const int answer = image.snap_list(listed); answer < 0)
    return pool.connection->error(answer, "list the snapshots", Effect::None);
  std::vector<SnapshotInfo> snapshots;
  for (const auto& snap : listed) {
    struct timespec made {};
    image.snap_get_timestamp(snap.id, &made);
    snapshots.push_back({.name = snap.name,
                         .size_bytes = static_cast<std::int64_t>(snap.size),
                         .created = WallClock::time_point{std::chrono::seconds{made.tv_sec}},
                         .clones = TRY(clones_of(pool, image, snap.name))});
  }
  return snapshots;
}

Status make_snapshot(Pool& pool, librbd::Image& image, const std::string& name) {
  if (const int answer = image.snap_create(name.c_str()); answer < 0 && answer != -EEXIST)
    return image_refusal(pool, image, answer, "create snapshot '" + name + "'");
  if (const int answer = image.snap_protect(name.c_str()); answer < 0 && answer != -EBUSY)
    return pool.connection->error(answer, "protect snapshot '" + name + "'", Effect::Unknown);
  return Ok{};
}

Status remove_snapshot(Pool& pool, librbd::Image& image, const std::string& name) {
  bool exists = false;
  if (const int answer = image.snap_exists2(name.c_str(), &exists); answer < 0)
    return pool.connection->error(answer, "look for snapshot '" + name + "'", Effect::None);
  if (!exists) return Ok{};
  if (const auto clones = TRY(clones_of(pool, image, name)); !clones.empty())
    return no_effect(Code::FailedPrecondition,
                     "snapshot '" + name + "' has clones: " + joined(clones) + "; delete or flatten them first");
  if (const int answer = image.snap_unprotect(name.c_str()); answer < 0 && answer != -EINVAL)  // EINVAL: it was not protected
    return pool.connection->error(answer, "unprotect snapshot '" + name + "'", Effect::None);
  if (const int answer = image.snap_remove(name.c_str()); answer < 0 && answer != -ENOENT)
    return image_refusal(pool, image, answer, "delete snapshot '" + name + "'");
  return Ok{};
}

Status remove_idle_clone_snapshots(Pool& pool, librbd::Image& image) {
  for (const auto& snapshot : TRY(snapshots_of(pool, image)))
    if (snapshot.name.starts_with(kCloneSnapshot) && snapshot.clones.empty()) TRY(remove_snapshot(pool, image, snapshot.name));
  return Ok{};
}

}  // namespace blockplug::rbd
