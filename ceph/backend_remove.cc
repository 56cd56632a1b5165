// SPDX-License-Identifier: Apache-2.0
// RbdBackend: deleting. The hold becomes "deleting" first, so that no node takes the image while it is checked and deleted. Nothing
// is erased under the image's name: librbd moves it to the pool's trash by its name, and it is erased there by its id.
//
//   hold free → deleting → no watcher, no snapshots → id and parent in the journal → in the trash → erased → clone snapshot erased
//               └── refused: free again                                                                     (of the parent)
#include <poll.h>

#include <cerrno>
#include <rbd/librbd.hpp>

#include "ceph/arguments.h"
#include "ceph/backend.h"
#include "ceph/connection.h"
#include "ceph/directory.h"
#include "ceph/header.h"
#include "ceph/hold_record.h"
#include "ceph/image_lock.h"
#include "ceph/snapshots.h"

namespace blockplug::rbd {
namespace {
constexpr int kNameBeforeHeaderMs = 1000;  // an image gets its name before its header: for a moment it looks half deleted

Error refused(const std::string& name, const std::string& why) {
  return no_effect(Code::FailedPrecondition, "volume '" + name + "' cannot be deleted: " + why);
}

std::string describe(const std::vector<SnapshotInfo>& snapshots) {
  std::string text;
  for (const auto& snapshot : snapshots) {
    text += text.empty() ? "" : ", ";
    const bool is_clone_snapshot = snapshot.name.starts_with(kCloneSnapshot);
    if (!is_clone_snapshot) text += "snapshot '" + snapshot.name + "'";
    for (std::size_t i = 0; i < snapshot.clones.size(); ++i)
      text += (i > 0 ? ", " : is_clone_snapshot ? "" : " with ") + ("clone " + snapshot.clones[i]);
  }
  return text;
}

Result<bool> is_in_trash(Pool& pool, const std::string& id) {
  librbd::trash_image_info_t found;
  const int answer = librbd::RBD{}.trash_get(pool.io, id.c_str(), &found);
  if (answer == -ENOENT) return false;
  if (answer < 0) return pool.connection->error(answer, "look for image " + id + " in the pool's trash", Effect::None);
  return true;
}

// A pool's trash is one object, which its first image creates: in a full pool too, where the image goes to free space.
Status make_room_for_trash(Pool& pool) {
  librados::ObjectWriteOperation operation;
  operation.create(/*exclusive=*/false);
  const int answer = pool.io.operate("rbd_trash", &operation, librados::OPERATION_FULL_FORCE);
  if (answer < 0) return pool.connection->error(answer, "create the pool's trash", Effect::None);
  return Ok{};
}

// The image whose clone snapshot goes with this clone; empty: none.
std::string clone_parent_of(librbd::Image& clone) {
  librbd::linked_image_spec_t image;
  librbd::snap_spec_t snapshot;
  const bool has_clone_snapshot = clone.get_parent(&image, &snapshot) == 0 && snapshot.name.starts_with(kCloneSnapshot);
  return has_clone_snapshot ? image.image_id : std::string{};
}

// Used when the image may already be in the trash: without an answer the outcome is unknown.
template <typename T>
Result<T> unknown(Result<T> answer) {
  if (!answer.ok()) answer.error().effect = Effect::Unknown;
  return answer;
}
}  // namespace

Result<Facts> RbdBackend::remove(const OrderCall& call) {
  const auto name = name_of(call.order.volume);
  const Facts gone{{"image", ""}};
  auto pool = TRY(this->pool());
  const auto begun = fact(call.before, "removing");  // an id
  if (!begun.empty() && TRY(unknown(is_in_trash(pool, begun)))) {
    TRY(erase(pool, name, begun, fact(call.before, "parent")));
    return gone;
  }
  const auto id = find_image(pool, name);
  if (!id.ok() && id.error().code != Code::NotFound) return id.error();
  // The order is for an image, not for a name: a repeated order must not delete a newer volume of that name.
  const auto image = call.order.arguments.find("image");
  const auto is_said = image != call.order.arguments.end() && !image->second.empty();
  if (id.ok() && (is_said ? image->second != image_id(pool.connection->fsid(), place_, *id).str() : !begun.empty() && begun != *id))
    return gone;
  const auto header = id.ok() ? read_header(pool, *id) : id.error();
  if (!header.ok() && header.error().code == Code::NotFound) {
    const auto left = TRY(id.ok() ? Result<std::string>{*id} : listed_id(pool, name));
    TRY(remove_name(pool, name, left));
    return gone;
  }
  if (!header.ok()) return header.error();
  if (image != call.order.arguments.end() && image->second.empty())
    return refused(name, "a new volume of this name was created in the meantime: repeat the command to delete that one");
  if (!header->is_ours())
    return refused(name, "Blockplug did not create this image; to delete it run `rbd rm " + image_name(place_, name) + "`");
  const auto record = TRY(hold_record_from(header->hold));
  if (!record.holders.empty() || !record.fencing.empty()) return refused(name, "it is held by " + describe(record));
  const auto deleting = to_text(HoldRecord{.holders = {}, .fencing = {}, .deleting = node_});
  TRY(change_hold(pool, header->id, header->hold, deleting));
  auto removed = remove_held(pool, call, *header);
  if (removed.ok()) return gone;
  // Refused, so nothing was erased: free the hold again, except if another node had marked it, which may still be deleting it.
  const auto as_before = record.deleting == node_ ? std::string{} : header->hold;
  if (removed.error().effect == Effect::None && !change_hold(pool, header->id, deleting, as_before).ok())
    removed.error().effect = Effect::Unknown;
  return removed.error();
}

// Only the image's name is left, or half of it: the remains of a delete or a create that was interrupted.
Status RbdBackend::remove_name(Pool& pool, const std::string& name, const std::string& id) {
  if (id.empty()) return Ok{};
  ::poll(nullptr, 0, kNameBeforeHeaderMs);
  const auto again = read_header(pool, id);
  if (again.ok() && TRY(listed_id(pool, name)) == id && find_image(pool, name).ok())
    return no_effect(Code::Aborted, "image " + image_name(place_, name) + " is being created: try again");
  if (again.ok())
    return refused(name,
                   "its move to the pool's trash was interrupted: finish it with `rbd trash mv " + image_name(place_, name) + "`");
  if (again.error().code != Code::NotFound) return again.error();
  if (const int answer = librbd::RBD{}.remove(pool.io, name.c_str()); answer < 0 && answer != -ENOENT)
    return pool.connection->error(answer, "delete image " + image_name(place_, name), Effect::Unknown);
  return Ok{};
}

// The parent image whose clone snapshot is to be removed too; empty: none.
Result<std::string> RbdBackend::check_removable(Pool& pool, const std::string& name, const Header& header) {
  if (const auto locker = TRY(lock_of_others(pool, image_name(place_, name), header)); !locker.empty())
    return refused(name, "it is locked by " + locker);
  std::string watchers;
  for (const auto& address : TRY(read_header(pool, header.id)).watchers)
    if (address != pool.connection->own_address()) watchers += (watchers.empty() ? "" : ", ") + address;
  if (!watchers.empty()) return refused(name, "it is open by " + watchers);
  OpenImage opened;
  TRY(open_to_change(pool, header.id, opened));
  TRY(remove_idle_clone_snapshots(pool, *opened.image));
  if (const auto snapshots = TRY(snapshots_of(pool, *opened.image)); !snapshots.empty())
    return refused(name, "it has " + describe(snapshots) + "; delete them first");
  return clone_parent_of(*opened.image);
}

Status RbdBackend::remove_held(Pool& pool, const OrderCall& call, const Header& header) {
  const auto name = name_of(call.order.volume);
  const auto parent = TRY(check_removable(pool, name, header));
  if (const auto now = find_image(pool, name); !now.ok() || *now != header.id)
    return no_effect(Code::Aborted, "image " + image_name(place_, name) + " was deleted or recreated in the meantime: try again");
  TRY(call.journal.keep({{"removing", header.id}, {"parent", parent}}));
  TRY(to_trash(pool, name, header.id));
  return erase(pool, name, header.id, parent);
}

// librbd moves by name, which may belong to a newer image by now: that image is then in the trash, and is not erased.
Status RbdBackend::to_trash(Pool& pool, const std::string& name, const std::string& id) {
  TRY(make_room_for_trash(pool));
  const int answer = librbd::RBD{}.trash_move(pool.io, name.c_str(), /*delay=*/0);
  if (answer == -EBUSY) return refused(name, "it has just been opened, or is being migrated");
  if (answer == -EMLINK) return refused(name, "it is in a group: remove it with `rbd group image rm`");
  if (answer < 0)
    return pool.connection->error(answer, "move image " + image_name(place_, name) + " to the trash", Effect::Unknown);
  if (TRY(unknown(is_in_trash(pool, id)))) return Ok{};
  return no_effect(
      Code::Aborted,
      "another image was given the name " + image_name(place_, name) +
          " in the meantime and is now in the pool's trash: find it with `rbd trash ls`, restore it with `rbd trash restore`");
}

// It is in the trash, but may still have its name if a move was interrupted.
Status RbdBackend::erase(Pool& pool, const std::string& name, const std::string& id, const std::string& parent) {
  if (const auto listed = TRY(unknown(listed_id(pool, name))); listed == id || listed.empty())
    if (const int answer = librbd::RBD{}.trash_move(pool.io, name.c_str(), /*delay=*/0); answer < 0 && answer != -ENOENT)
      return pool.connection->error(answer, "move image " + image_name(place_, name) + " to the trash", Effect::Unknown);
  if (const int answer = librbd::RBD{}.trash_remove(pool.io, id.c_str(), /*force=*/true); answer < 0 && answer != -ENOENT) {
    auto error = pool.connection->error(answer, "erase image " + image_name(place_, name) + ", which is in the pool's trash",
                                        Effect::Unknown);
    if (answer == -EBUSY || answer == -ENOTEMPTY) error.code = Code::Unavailable;
    return error;
  }
  if (!parent.empty()) static_cast<void>(tidy_parent(pool, parent));  // if this fails, deleting the parent does it
  return Ok{};
}

}  // namespace blockplug::rbd
