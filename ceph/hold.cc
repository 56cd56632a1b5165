// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold.h"

#include <algorithm>

#include "ceph/arguments.h"
#include "ceph/connection.h"
#include "ceph/hold_update.h"
#include "ceph/hold_watch.h"
#include "ceph/image_lock.h"
#include "ceph/image_ref.h"
#include "ceph/never_written.h"
#include "ceph/watchers.h"
#include "ceph/writable.h"
#include "hotplug/host/process/process.h"
#include "hotplug/rungs.h"

namespace blockplug::rbd {
namespace {
constexpr std::chrono::seconds kLookAgain{1};
constexpr std::chrono::seconds kLookForSpaceAgain{10};

Error refused(const std::string& image, const std::string& why) {
  return no_effect(Code::FailedPrecondition, "image " + image + ": " + why);
}

Error lost(const std::string& image) { return maybe_effect(Code::Aborted, "image " + image + ": this node no longer holds it"); }

// Where nothing below says which, what is held stays it, also after the configuration was changed.
ImageRef wanted_image(const Call& call, const Place& place) {
  return call.below.contains(roles::kImageName) ? image_ref(call, place) : held_image_ref(call, place);
}

// Is this the image that was held? An id alone is one only within its pool.
bool is_recorded(const Call& call, const Pool& pool, const ImageRef& image, const std::string& id) {
  const auto recorded = fact(call.before, roles::kImageId);
  if (recorded.empty()) return id == fact(call.before, roles::kImageRbdId);
  return image_id(pool.connection->fsid(), image, id).str() == recorded;
}

Facts facts_of(const ImageRef& image, const Pool& pool, const Header& header, const Holder& ours,
               const std::string& never_written) {
  return {{roles::kImageId, image_id(pool.connection->fsid(), image, header.id).str()},
          {roles::kImageRbdId, header.id},
          {roles::kImagePool, image.pool},
          {roles::kImageNamespace, image.name_space},
          {roles::kImageName, image.name},
          {roles::kImageSizeBytes, std::to_string(header.size_bytes)},
          {roles::kImageNeverWritten, never_written},
          {roles::kHoldSince, ours.since}};
}

constexpr const char* kReplaced = "the image was deleted, or another one was created under its name";

std::string namesake(const Holder& holder, const Self& us);
}  // namespace

Attempt RbdHold::raise(const Call& call) {
  const auto image = wanted_image(call, place_);
  auto opened = open_pool(cluster_, image);
  if (!opened.ok()) return opened.error();
  auto& pool = *opened;
  const auto id = find_image(pool, image.name);
  const auto known = fact(call.before, roles::kImageRbdId);
  if (!id.ok() && (id.error().code != Code::NotFound || known.empty())) return id.error();
  if (!known.empty() && (!id.ok() || !is_recorded(call, pool, image, *id)))
    return refused(image_name(image), std::string{kReplaced} + ": detach it, or restore the image with id " + known);
  bool was_ours = false, was_opening = false;
  std::string full;
  const auto us = self(*pool.connection, node_);
  const auto taken = update_hold(pool, *id, [&](const HoldRecord& now, const Header& header) -> Result<HoldRecord> {
    const auto* ours = find_holder(now, us, call.key);
    was_ours = ours != nullptr;
    // Only a probe finds out whether it was fenced; a fenced hold is not simply taken again.
    if (!was_ours && !known.empty()) return lost(image_name(image));
    // What is held already goes on; for a new one nothing is begun that would hang at its first write.
    if (!was_ours && call.spec.access == Access::ReadWrite) full = why_full(pool, header);
    if (!full.empty()) return no_effect(Code::ResourceExhausted, full);
    was_opening = was_ours && ours->may_be_opening;
    return with_us(call, image, pool, now, header);
  });
  if (!full.empty())
    return Waiting{full + "; to read it meanwhile, detach it and attach it --read-only", Clock::now() + kLookForSpaceAgain};
  if (!taken.ok()) return taken.error();
  if (!was_ours) {
    const std::lock_guard guard{mutex_};
    waits_[call.key] = {Clock::now(), true};
  }
  const auto& ours = *find_holder(taken->record, us, call.key);
  const auto dead = watching_dead_clients(taken->header, ours);
  const auto foreign = foreign_watchers(*pool.connection, taken->header, taken->record, ours,
                                        was_opening && !known.empty() && !is_waiting_afresh(call.key));
  if (const auto in_the_way = dead.empty() ? foreign : dead; !in_the_way.empty())
    return wait_for(call, image, pool, *taken, in_the_way);
  forget_wait(call.key);
  auto proven = never_written(call, pool, taken->header);
  if (!proven.ok()) {
    proven.error().effect = Effect::Unknown;  // our entry exists
    return std::move(proven).error();
  }
  auto facts = facts_of(image, pool, taken->header, ours, *proven);
  watch(call, facts, {});
  return Done{std::move(facts)};
}

// The record with our entry in it. An entry of an earlier run is taken over: living clients stay listed, and dead ones until the
// cluster has forgotten them.
Result<HoldRecord> RbdHold::with_us(const Call& call, const ImageRef& ref, Pool& pool, const HoldRecord& now,
                                    const Header& header) const {
  const auto us = self(*pool.connection, node_);
  TRY(check_others(call, ref, us, now));
  auto record = now;
  auto* ours = find_holder(record, us, call.key);
  if (ours == nullptr) {
    const auto image = image_name(ref);
    if (const auto locker = TRY(lock_of_others(pool, image, header)); !locker.empty())
      return refused(image, "it is locked by " + locker);
    if (call.spec.access == Access::ReadWrite && TRY(is_mirrored_copy(pool, header)))
      return refused(image, std::string{kNotPrimary} + ": attach it --read-only, or promote it (`rbd mirror image promote`)");
    record.holders.push_back({.node = us.node,
                              .host = us.host,
                              .machine = us.machine,
                              .state_dir = us.state_dir,
                              .attachment = call.key,
                              .access = call.spec.access,
                              .boot = this_boot(),
                              .since = now_as_text(),
                              .may_be_opening = true});
    return record;
  }
  std::erase_if(ours->clients, [&](const Client& client) {
    return is_proven_dead(*ours, client) && std::ranges::count(header.watchers, client.address) == 0;
  });
  for (auto& client : ours->clients)
    if (is_proven_dead(*ours, client)) client.process = kDeadProcess;  // must stay so once this boot is written into our entry
  const bool has_living = std::ranges::any_of(ours->clients, [](const Client& client) { return client.process != kDeadProcess; });
  ours->may_be_opening = ours->may_be_opening || !has_living;
  ours->access = call.spec.access;
  ours->boot = this_boot();
  ours->host = us.host;
  ours->machine = us.machine;
  ours->state_dir = us.state_dir;
  return record;
}

Attempt RbdHold::wait_for(const Call& call, const ImageRef& image, Pool& pool, const Held& held, const std::string& watchers) {
  Wait wait;
  {
    const std::lock_guard guard{mutex_};
    wait = waits_.try_emplace(call.key, Wait{Clock::now(), false}).first->second;
  }
  if (Clock::now() - wait.since < watch_limit_)
    return Waiting{"the cluster still lists " + watchers + " as a watcher of the image; a client that died is forgotten after 30 s",
                   Clock::now() + kLookAgain};
  forget_wait(call.key);
  auto error =
      refused(image_name(image), "it is open by " + watchers +
                                     ", a client that Blockplug does not manage: close it there, or run `blockplug volume fence " +
                                     call.key.volume.str() + "`");
  if (!wait.is_fresh || !give_back(pool, held.header.id, call.key).ok()) error.effect = Effect::Unknown;
  return error;
}

// A raise that was still waiting has opened nothing: all watchers are foreign.
Attempt RbdHold::lower(const Call& call) {
  const bool is_unopened = is_waiting_afresh(call.key);
  auto attempt = let_go(call, is_unopened);
  if (!is_unopened || std::holds_alternative<Done>(attempt)) forget_wait(call.key);
  if (std::holds_alternative<Done>(attempt)) unwatch(call.key);
  return attempt;
}

Attempt RbdHold::let_go(const Call& call, bool is_unopened) {
  const auto image = held_image_ref(call, place_);
  auto opened = open_pool(cluster_, image);
  if (!opened.ok()) return opened.error();
  auto& pool = *opened;
  auto id = image.id;
  if (id.empty()) {
    auto found = find_image(pool, image.name);
    if (!found.ok() && found.error().code == Code::NotFound) return Done{};
    if (!found.ok()) return found.error();
    id = *found;
  }
  const auto header = read_header(pool, id);
  if (!header.ok() && header.error().code == Code::NotFound) return Done{};
  if (!header.ok()) return header.error();
  const auto record = hold_record_from(header->hold);
  if (!record.ok()) return record.error();
  const auto* ours = find_holder(*record, self(*pool.connection, node_), call.key);
  if (ours == nullptr) return Done{};
  if (record->fences(*ours))
    return Waiting{"node " + record->fencing + " is fencing the image, which frees the hold", Clock::now() + kLookAgain};
  if (const auto watchers = watching_clients(*pool.connection, *header, *record, *ours); !watchers.empty() && !is_unopened)
    return Waiting{
        "the cluster still lists our client " + watchers + " as a watcher of the image; a client that died is forgotten after 30 s",
        Clock::now() + kLookAgain};
  if (const auto given = give_back(pool, id, call.key); !given.ok()) return given.error();
  return Done{};
}

Finding RbdHold::probe(const Call& call) {
  auto found = find(call);
  if (found.standing == Standing::Up) watch(call, found.facts, found.why);
  if (found.standing == Standing::Down || found.standing == Standing::Foreign) unwatch(call.key);
  return found;
}

Finding RbdHold::find(const Call& call) {
  const bool has_record = !fact(call.before, roles::kImageRbdId).empty();
  const auto image = wanted_image(call, place_);
  auto opened = open_pool(cluster_, image);
  if (!opened.ok()) return {Standing::Unknown, {}, opened.error().message};
  auto& pool = *opened;
  const auto header = read_header_of(pool, image.name);
  if (!header.ok() && header.error().code == Code::NotFound)
    return {has_record ? Standing::Stale : Standing::Down, {}, has_record ? kReplaced : header.error().message};
  if (!header.ok()) return {Standing::Unknown, {}, header.error().message};
  if (has_record && !is_recorded(call, pool, image, header->id)) return {Standing::Stale, call.before, kReplaced};
  auto found = probe_record(call, image, pool, *header);
  if (found.standing == Standing::Up) forget_wait(call.key);  // from now on the image may be opened
  return found;
}

Finding RbdHold::probe_record(const Call& call, const ImageRef& image, Pool& pool, const Header& header) const {
  const auto record = hold_record_from(header.hold);
  if (!record.ok()) return {Standing::Unknown, {}, record.error().message};
  const auto us = self(*pool.connection, node_);
  const auto others = check_others(call, image, us, *record);
  const auto* ours = find_holder(*record, us, call.key);
  if (ours == nullptr) {
    const bool is_of_a_namesake = std::ranges::any_of(
        record->holders, [&](const Holder& holder) { return holder.node == us.node && holder.attachment == call.key; });
    const bool is_fenced = !fact(call.before, roles::kImageRbdId).empty() && !is_of_a_namesake;
    const std::string gone = is_fenced ? "the hold is gone: the image was fenced from this node" : "";
    if (!others.ok()) return {Standing::Foreign, {}, gone + (is_fenced ? "; " : "") + others.error().message, is_fenced};
    return {Standing::Down, {}, gone, is_fenced};
  }
  // The fence may still be withdrawn (if its node has no right to fence): until it is over, the rungs above the hold stay as they
  // are.
  if (record->fences(*ours)) return {Standing::Unknown, {}, others.error().message};
  const auto proven = never_written(call, pool, header);
  if (!proven.ok()) return {Standing::Unknown, {}, proven.error().message};
  auto facts = facts_of(image, pool, header, *ours, *proven);
  if (!others.ok()) return {Standing::Foreign, std::move(facts), others.error().message};
  if (ours->access != call.spec.access)
    return {Standing::Stale, std::move(facts), "it is held with another access mode than desired"};
  if (ours->boot != this_boot()) return {Standing::Stale, std::move(facts), "it was taken before this host rebooted"};
  for (const auto& client : ours->clients)
    if (is_proven_dead(*ours, client)) return {Standing::Stale, std::move(facts), "its client " + client.address + " is dead"};
  // Taken, but its raise has not finished: the raise has to report other clients. Nothing of ours was opened before its facts were
  // kept.
  if (ours->may_be_opening) {
    const bool may_be_ours = !fact(call.before, roles::kImageRbdId).empty();
    if (const auto foreign = foreign_watchers(*pool.connection, header, *record, *ours, may_be_ours); !foreign.empty())
      return {Standing::Partial, {}, "it is held, but open by " + foreign + ", a client that Blockplug does not manage"};
  }
  return {Standing::Up, std::move(facts), why_no_writes(call, pool, header)};
}

// Of one that is up: what its writers should know. Empty: it can be written to.
std::string RbdHold::why_no_writes(const Call& call, Pool& pool, const Header& header) const {
  if (call.spec.access == Access::ReadOnly) return {};
  if (is_mirrored_copy(header)) return std::string{kNotPrimary} + ": every write fails until it is promoted";
  const auto full = why_full(pool, header);
  return full.empty() ? full : full + "; until then every write waits";
}

Survey RbdHold::survey(Time deadline) {
  auto opened = open_pool(cluster_, place_);
  if (!opened.ok()) return unanswered();
  Survey found;
  for (const auto& [name, id] : images_of(*opened)) {
    found.is_partial = found.is_partial || Clock::now() > deadline;
    if (Clock::now() > deadline) return found;
    const auto header = read_header(*opened, id);
    found.is_partial = found.is_partial || (!header.ok() && header.error().code != Code::NotFound);
    if (!header.ok() || header->hold.empty()) continue;
    const auto record = hold_record_from(header->hold);
    if (!record.ok()) continue;
    for (const auto& holder : record->holders)
      if (is_ours(holder, self(*opened->connection, node_)) && backend_of(holder.attachment.volume) == place_.backend)
        found.push_back({holder.attachment,
                         rungs::kHold,
                         {{roles::kImageRbdId, id},
                          {roles::kImagePool, place_.pool},
                          {roles::kImageNamespace, place_.name_space},
                          {roles::kImageName, name},
                          {roles::kHoldSince, holder.since}},
                         "hold on image " + image_name(place_, name) + " since " + holder.since});
  }
  return found;
}

Status RbdHold::check_others(const Call& call, const ImageRef& ref, const Self& us, const HoldRecord& now) const {
  const auto image = image_name(ref);
  const auto* ours = find_holder(now, us, call.key);
  const bool is_fenced = ours == nullptr ? !now.fencing.empty() : now.fences(*ours);
  if (is_fenced || !now.deleting.empty())
    return refused(image, "it is " + describe(HoldRecord{.fencing = now.fencing, .deleting = now.deleting}));
  for (const auto& holder : now.holders) {
    if (is_ours(holder, us) && holder.attachment == call.key) continue;
    if (holder.access == Access::ReadOnly && call.spec.access == Access::ReadOnly) continue;
    auto why = "it is held by " + describe(holder);
    if (is_ours(holder, us)) return refused(image, why + "; detach it there first");
    if (holder.node == us.node) why += "; " + namesake(holder, us) + ": configure a unique `node` for each";
    return refused(image, why + "; detach it there, or, if that node is permanently gone, run `blockplug volume fence " +
                              call.key.volume.str() + "`");
  }
  return Ok{};
}

// Checked while no client has it open; the result is kept. A formatted image is not checked.
Result<std::string> RbdHold::never_written(const Call& call, Pool& pool, const Header& header) const {
  if (const auto before = fact(call.before, roles::kImageNeverWritten); !before.empty()) return before;
  const auto own = pool.connection->own_address();
  const bool is_open = std::ranges::any_of(header.watchers, [&](const std::string& address) { return address != own; });
  if (is_open || !header.format.empty()) return std::string{"false"};
  return std::string{TRY(is_never_written(pool, header)) ? "true" : "false"};
}

Status RbdHold::give_back(Pool& pool, const std::string& id, const AttachmentKey& key) {
  const auto given = update_hold(pool, id, [&](const HoldRecord& now, const Header&) -> Result<HoldRecord> {
    auto record = now;
    // A holder that is being fenced stays listed; the fence frees it.
    std::erase_if(record.holders, [&](const Holder& holder) {
      return is_ours(holder, self(*pool.connection, node_)) && holder.attachment == key && !now.fences(holder);
    });
    return record;
  });
  if (!given.ok() && given.error().code != Code::NotFound) return given.error();
  return Ok{};
}

// Our entry exists, but nothing has been opened on it yet.
bool RbdHold::is_waiting_afresh(const AttachmentKey& key) {
  const std::lock_guard guard{mutex_};
  const auto found = waits_.find(key);
  return found != waits_.end() && found->second.is_fresh;
}

bool RbdHold::forget_wait(const AttachmentKey& key) {
  const std::lock_guard guard{mutex_};
  return waits_.erase(key) > 0;
}

void RbdHold::watch(const Call& call, const Facts& facts, const std::string& no_writes) {
  if (watch_ == nullptr) return;
  watch_->keep(call.key, {image_ref_in(facts, call.key.volume, place_), call.spec.access, !no_writes.empty()});
}

void RbdHold::unwatch(const AttachmentKey& key) {
  if (watch_ != nullptr) watch_->forget(key);
}

namespace {

std::string namesake(const Holder& holder, const Self& us) {
  if (holder.boot == this_boot())
    return "another daemon on this host (state_dir " + holder.state_dir + ") has the same node name as this one (state_dir " +
           us.state_dir + ")";
  if (holder.host == us.host)
    return "that node had this node's name and address, but was another machine, or had another state_dir than " + us.state_dir;
  return "the node at " + holder.host + " has the same name as this one, which is at " + us.host;
}

}  // namespace

}  // namespace blockplug::rbd
