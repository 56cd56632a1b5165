// SPDX-License-Identifier: Apache-2.0
// RbdBackend: deleting. The hold says "deleting" first, so that nobody takes the image while it is looked at and goes:
//
//   hold free → deleting → nobody watches, no snapshots → parent remembered → gone → the parent's idle carriers gone
//                  └── refused: free again
#include <poll.h>

#include <cerrno>
#include <rbd/librbd.hpp>

#include "ceph/arguments.h"
#include "ceph/backend.h"
#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold_record.h"
#include "ceph/image_lock.h"
#include "ceph/snapshots.h"

namespace blockplug::rbd {
namespace {
constexpr int kNameBeforeHeaderMs = 1000;  // librbd makes the name first: an image that is just being made looks half deleted

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
}  // namespace

Result<Facts> RbdBackend::remove(const OrderCall& call) {
  const auto name = name_of(call.order.volume);
  const Facts gone{{"image", ""}};
  auto pool = TRY(this->pool());
  const auto id = find_image(pool, name);
  if (!id.ok() && id.error().code == Code::NotFound) return gone;
  const auto header = read_header(pool, TRY(id));
  if (!header.ok() && header.error().code == Code::NotFound) {  // an earlier attempt was stopped half-way
    ::poll(nullptr, 0, kNameBeforeHeaderMs);
    if (const auto again = read_header_of(pool, name); again.ok() || again.error().code != Code::NotFound)
      return no_effect(Code::Aborted, "image " + image_name(place_, name) + " is just being made: try again");
    if (const int answer = librbd::RBD{}.remove(pool.io, name.c_str()); answer < 0 && answer != -ENOENT)
      return pool.connection->error(answer, "delete image " + image_name(place_, name), Effect::Unknown);
    return gone;
  }
  if (!header.ok()) return header.error();
  // The order is for an image, not for a name: one performed again must not take a younger volume of that name.
  const auto image = call.order.arguments.find("image");
  const bool is_said = image != call.order.arguments.end();
  if (is_said && image->second.empty()) return refused(name, "it was made anew meanwhile: say it again if this one is to go, too");
  if (is_said && image->second != image_id(pool.connection->fsid(), place_, header->id).str()) return gone;
  if (header->mark.empty())
    return refused(name, "blockplug did not make this image; whoever did may run `rbd rm " + image_name(place_, name) + "`");
  const auto record = TRY(hold_record_from(header->hold));
  if (!record.holders.empty() || !record.fencing.empty()) return refused(name, "it is held by " + describe(record));
  const auto deleting = to_text(HoldRecord{.holders = {}, .fencing = {}, .deleting = node_});
  TRY(change_hold(pool, header->id, header->hold, deleting));
  auto removed = remove_held(pool, name, *header);
  if (removed.ok()) return gone;
  // Refused: the mark is as it was. One that an attempt had left, ours or another node's, stays: it may have erased some already.
  const bool is_back = removed.error().effect != Effect::None || change_hold(pool, header->id, deleting, header->hold).ok();
  if (!is_back || !record.deleting.empty()) removed.error().effect = Effect::Unknown;
  return removed.error();
}

Status RbdBackend::remove_held(Pool& pool, const std::string& name, const Header& header) {
  if (const auto locker = TRY(lock_of_others(pool, image_name(place_, name), header)); !locker.empty())
    return refused(name, "it is locked by " + locker);
  std::string watchers;
  for (const auto& address : TRY(read_header(pool, header.id)).watchers)
    if (address != pool.connection->own_address()) watchers += (watchers.empty() ? "" : ", ") + address;
  if (!watchers.empty()) return refused(name, "it is open at " + watchers);
  std::string parent;
  {
    OpenImage opened;
    TRY(open_to_change(pool, header.id, opened));
    TRY(remove_idle_carriers(pool, *opened.image));
    if (const auto snapshots = TRY(snapshots_of(pool, *opened.image)); !snapshots.empty())
      return refused(name, "it has " + describe(snapshots) + "; delete them first");
    librbd::linked_image_spec_t image;
    librbd::snap_spec_t snapshot;
    if (opened.image->get_parent(&image, &snapshot) == 0 && snapshot.name.starts_with(kCarrier)) parent = image.image_id;
  }
  // librbd goes by the name, which may be a younger image's by now.
  if (const auto now = find_image(pool, name); !now.ok() || *now != header.id)
    return no_effect(Code::Aborted, "image " + image_name(place_, name) + " was deleted or made anew meanwhile: try again");
  const int answer = librbd::RBD{}.remove(pool.io, name.c_str());
  if (answer == -EBUSY) return refused(name, "it was opened in this moment");
  if (answer < 0 && answer != -ENOENT)
    return pool.connection->error(answer, "delete image " + image_name(place_, name), Effect::Unknown);
  if (!parent.empty()) static_cast<void>(tidy_parent(pool, parent));  // else the parent's own delete does it
  return Ok{};
}

}  // namespace blockplug::rbd
