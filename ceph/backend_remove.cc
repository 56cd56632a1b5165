// SPDX-License-Identifier: Apache-2.0
// RbdBackend: deleting. The hold says "deleting" first, so that nobody takes the image while it is looked at and goes. Nothing of it
// is erased while it has its name: it goes to the pool's trash, by its name as librbd has it, and is erased there by its id.
//
//   hold free → deleting → nobody watches, no snapshots → id and parent kept → in the trash → erased → its parent's carrier gone
//                  └── refused: free again
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
constexpr int kNameBeforeHeaderMs = 1000;  // whoever makes an image gives it its name first: it looks half deleted then

Error refused(const std::string& name, const std::string& why) {
  return no_effect(Code::FailedPrecondition, "volume '" + name + "' cannot be deleted: " + why);
}

std::string describe(const std::vector<SnapshotInfo>& snapshots) {
  std::string text;
  for (const auto& snapshot : snapshots) {
    text += text.empty() ? "" : ", ";
    const bool is_carrier = snapshot.name.starts_with(kCarrier);
    if (!is_carrier) text += "snapshot '" + snapshot.name + "'";
    for (std::size_t i = 0; i < snapshot.clones.size(); ++i)
      text += (i > 0 ? ", " : is_carrier ? "" : " with ") + ("clone " + snapshot.clones[i]);
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

// Asked when the image may be in the trash already: without an answer that is not over.
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
  // The order is for an image, not for a name: one performed again must not take a younger volume of that name.
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
    return refused(name, "it was made anew meanwhile: say it again if this one is to go, too");
  if (!header->is_ours())
    return refused(name, "blockplug did not make this image; whoever did may run `rbd rm " + image_name(place_, name) + "`");
  const auto record = TRY(hold_record_from(header->hold));
  if (!record.holders.empty() || !record.fencing.empty()) return refused(name, "it is held by " + describe(record));
  const auto deleting = to_text(HoldRecord{.holders = {}, .fencing = {}, .deleting = node_});
  TRY(change_hold(pool, header->id, header->hold, deleting));
  auto removed = remove_held(pool, call, *header);
  if (removed.ok()) return gone;
  // Refused, so nothing was erased: the hold is free again, but for a mark of another node, which may be in the middle of it.
  const auto as_before = record.deleting == node_ ? std::string{} : header->hold;
  if (removed.error().effect == Effect::None && !change_hold(pool, header->id, deleting, as_before).ok())
    removed.error().effect = Effect::Unknown;
  return removed.error();
}

// Of an image only its name is left, or only half of that: what somebody's delete, or a making, leaves that was stopped half-way.
Status RbdBackend::remove_name(Pool& pool, const std::string& name, const std::string& id) {
  if (id.empty()) return Ok{};
  ::poll(nullptr, 0, kNameBeforeHeaderMs);
  const auto again = read_header(pool, id);
  if (again.ok() && TRY(listed_id(pool, name)) == id && find_image(pool, name).ok())
    return no_effect(Code::Aborted, "image " + image_name(place_, name) + " is just being made: try again");
  if (again.ok())
    return refused(name, "its move to the pool's trash was stopped half-way: `rbd trash mv " + image_name(place_, name) +
                             "` ends that");
  if (again.error().code != Code::NotFound) return again.error();
  if (const int answer = librbd::RBD{}.remove(pool.io, name.c_str()); answer < 0 && answer != -ENOENT)
    return pool.connection->error(answer, "delete image " + image_name(place_, name), Effect::Unknown);
  return Ok{};
}

// The image whose snapshot carried it, where that is to go, too; empty: none.
Result<std::string> RbdBackend::check_removable(Pool& pool, const std::string& name, const Header& header) {
  if (const auto locker = TRY(lock_of_others(pool, image_name(place_, name), header)); !locker.empty())
    return refused(name, "it is locked by " + locker);
  std::string watchers;
  for (const auto& address : TRY(read_header(pool, header.id)).watchers)
    if (address != pool.connection->own_address()) watchers += (watchers.empty() ? "" : ", ") + address;
  if (!watchers.empty()) return refused(name, "it is open at " + watchers);
  OpenImage opened;
  TRY(open_to_change(pool, header.id, opened));
  TRY(remove_idle_carriers(pool, *opened.image));
  if (const auto snapshots = TRY(snapshots_of(pool, *opened.image)); !snapshots.empty())
    return refused(name, "it has " + describe(snapshots) + "; delete them first");
  librbd::linked_image_spec_t image;
  librbd::snap_spec_t snapshot;
  const bool is_carried = opened.image->get_parent(&image, &snapshot) == 0 && snapshot.name.starts_with(kCarrier);
  return is_carried ? image.image_id : std::string{};
}

Status RbdBackend::remove_held(Pool& pool, const OrderCall& call, const Header& header) {
  const auto name = name_of(call.order.volume);
  const auto parent = TRY(check_removable(pool, name, header));
  if (const auto now = find_image(pool, name); !now.ok() || *now != header.id)
    return no_effect(Code::Aborted, "image " + image_name(place_, name) + " was deleted or made anew meanwhile: try again");
  TRY(call.journal.keep({{"removing", header.id}, {"parent", parent}}));
  TRY(to_trash(pool, name, header.id));
  return erase(pool, name, header.id, parent);
}

// librbd goes by the name, which may be a younger image's by now: that one is moved then, and not erased.
Status RbdBackend::to_trash(Pool& pool, const std::string& name, const std::string& id) {
  const int answer = librbd::RBD{}.trash_move(pool.io, name.c_str(), /*delay=*/0);
  if (answer == -EBUSY) return refused(name, "it was opened in this moment, or is being migrated");
  if (answer == -EMLINK) return refused(name, "it is in a group: `rbd group image rm` takes it out");
  if (answer < 0)
    return pool.connection->error(answer, "move image " + image_name(place_, name) + " to the trash", Effect::Unknown);
  if (TRY(unknown(is_in_trash(pool, id)))) return Ok{};
  return no_effect(Code::Aborted,
                   "another image got the name " + image_name(place_, name) +
                       " in this moment and is in the pool's trash now: `rbd trash ls` shows it, `rbd trash restore` brings it back");
}

// In the trash, perhaps with its name still, where a move was stopped half-way.
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
  if (!parent.empty()) static_cast<void>(tidy_parent(pool, parent));  // else the parent's own delete does it
  return Ok{};
}

}  // namespace blockplug::rbd
