// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold.h"

#include <algorithm>

#include "ceph/arguments.h"
#include "ceph/connection.h"
#include "ceph/hold_update.h"
#include "ceph/hold_watch.h"
#include "ceph/image_lock.h"
#include "ceph/never_written.h"
#include "ceph/watchers.h"

namespace blockplug::rbd {
namespace {
constexpr std::chrono::seconds kLookAgain{1};

Error refused(const std::string& image, const std::string& why) {
  return no_effect(Code::FailedPrecondition, "image " + image + ": " + why);
}

std::string namesake(const Holder& holder, const Self& us) {
  if (holder.boot == this_boot())
    return "another daemon of this host, with its state in " + holder.state_dir +
           ", has the name of this one, which has it in " + us.state_dir;
  if (holder.host == us.host)
    return "that node was another machine, or had its state in another place than " + us.state_dir +
           ", though it had the name of this one, and its address";
  return "that node, at " + holder.host + ", has the name of this one, which is at " + us.host;
}

Error lost(const std::string& image) {
  return maybe_effect(Code::Aborted, "image " + image + ": its hold is not ours any more");
}

constexpr const char* kReplaced = "the image was deleted, or another was made under its name";
}  // namespace

Attempt RbdHold::raise(const Call& call) {
  auto opened = open_pool(cluster_, place_);
  if (!opened.ok()) return opened.error();
  auto& pool = *opened;
  const auto name = name_of(call.key.volume);
  const auto id = find_image(pool, name);
  const auto known = fact(call.before, "id");
  if (!id.ok() && (id.error().code != Code::NotFound || known.empty())) return id.error();
  if (!known.empty() && (!id.ok() || *id != known))
    return refused(image_name(place_, name), std::string{kReplaced} + ": detach it, or bring the image with id " + known + " back");
  bool was_ours = false, was_opening = false;
  const auto us = self(*pool.connection, node_);
  const auto taken = update_hold(pool, *id, [&](const HoldRecord& now, const Header& header) -> Result<HoldRecord> {
    const auto* ours = find_holder(now, us, call.key);
    was_ours = ours != nullptr;
    // Only a look at it tells whether it was fenced; then it is not simply taken again.
    if (!was_ours && !known.empty()) return lost(image_name(place_, name));
    was_opening = was_ours && ours->may_be_opening;
    return with_us(call, pool, now, header);
  });
  if (!taken.ok()) return taken.error();
  if (!was_ours) {
    const std::lock_guard guard{mutex_};
    waits_[call.key] = {Clock::now(), true};
  }
  const auto& ours = *find_holder(taken->record, us, call.key);
  const auto dead = watching_dead_clients(taken->header, ours);
  const auto foreign =
      foreign_watchers(*pool.connection, taken->header, taken->record, ours, was_opening && !known.empty() && !is_waiting_afresh(call.key));
  if (const auto in_the_way = dead.empty() ? foreign : dead; !in_the_way.empty()) return wait_for(call, pool, *taken, in_the_way);
  forget_wait(call.key);
  auto proven = never_written(call, pool, taken->header);
  if (!proven.ok()) {
    proven.error().effect = Effect::Unknown;  // our entry is there
    return std::move(proven).error();
  }
  auto facts = facts_of(call, pool, taken->header, ours, *proven);
  watch(call.key, facts);
  return Done{std::move(facts)};
}

void RbdHold::watch(const AttachmentKey& key, const Facts& facts) {
  if (watch_ != nullptr) watch_->keep(key, fact(facts, "id"));
}

void RbdHold::unwatch(const AttachmentKey& key) {
  if (watch_ != nullptr) watch_->forget(key);
}

Status RbdHold::check_others(const Call& call, const Self& us, const HoldRecord& now) const {
  const auto image = image_name(place_, name_of(call.key.volume));
  if (!now.fencing.empty() || !now.deleting.empty())
    return refused(image, "it is " + describe(HoldRecord{.fencing = now.fencing, .deleting = now.deleting}));
  for (const auto& holder : now.holders) {
    if (is_ours(holder, us) && holder.attachment == call.key) continue;
    if (holder.access == Access::ReadOnly && call.spec.access == Access::ReadOnly) continue;
    auto why = "it is held by " + describe(holder);
    if (is_ours(holder, us)) return refused(image, why + "; detach it there first");
    if (holder.node == us.node) why += "; " + namesake(holder, us) + ": give each a `node` of its own";
    return refused(image, why + "; detach it there, or, if that node is gone for good, run `blockplug volume fence " +
                              call.key.volume.str() + "`");
  }
  return Ok{};
}

// The record with our entry in it. An entry of an earlier life is taken over: clients that live stay named, so do dead ones until
// the cluster has forgotten them.
Result<HoldRecord> RbdHold::with_us(const Call& call, Pool& pool, const HoldRecord& now, const Header& header) const {
  const auto us = self(*pool.connection, node_);
  TRY(check_others(call, us, now));
  auto record = now;
  auto* ours = find_holder(record, us, call.key);
  if (ours == nullptr) {
    const auto image = image_name(place_, name_of(call.key.volume));
    if (const auto locker = TRY(lock_of_others(pool, image, header)); !locker.empty())
      return refused(image, "it is locked by " + locker);
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
    if (is_proven_dead(*ours, client)) client.process = kDeadProcess;  // also when this boot is written into our entry
  const bool has_living = std::ranges::any_of(ours->clients, [](const Client& client) { return client.process != kDeadProcess; });
  ours->may_be_opening = ours->may_be_opening || !has_living;
  ours->access = call.spec.access;
  ours->boot = this_boot();
  ours->host = us.host;
  ours->machine = us.machine;
  ours->state_dir = us.state_dir;
  return record;
}

Attempt RbdHold::wait_for(const Call& call, Pool& pool, const Held& held, const std::string& watchers) {
  Wait wait;
  {
    const std::lock_guard guard{mutex_};
    wait = waits_.try_emplace(call.key, Wait{Clock::now(), false}).first->second;
  }
  if (Clock::now() - wait.since < watch_limit_)
    return Waiting{
        "the cluster still sees " + watchers + " at the image; a client that died without a word is forgotten after 30 s",
        Clock::now() + kLookAgain};
  forget_wait(call.key);
  auto error = refused(image_name(place_, name_of(call.key.volume)),
                       "it is open at " + watchers + ", which is none of ours: close it there, or run `blockplug volume fence " +
                           call.key.volume.str() + "`");
  if (!wait.is_fresh || !give_back(pool, held.header.id, call.key).ok()) error.effect = Effect::Unknown;
  return error;
}

// Our entry is there, but nothing was opened on it yet.
bool RbdHold::is_waiting_afresh(const AttachmentKey& key) {
  const std::lock_guard guard{mutex_};
  const auto found = waits_.find(key);
  return found != waits_.end() && found->second.is_fresh;
}

bool RbdHold::forget_wait(const AttachmentKey& key) {
  const std::lock_guard guard{mutex_};
  return waits_.erase(key) > 0;
}

Status RbdHold::give_back(Pool& pool, const std::string& id, const AttachmentKey& key) {
  const auto given = update_hold(pool, id, [&](const HoldRecord& now, const Header&) -> Result<HoldRecord> {
    auto record = now;
    // While it is fenced its holders stay named; the fence frees them all.
    if (record.fencing.empty())
      std::erase_if(record.holders, [&](const Holder& holder) {
        return is_ours(holder, self(*pool.connection, node_)) && holder.attachment == key;
      });
    return record;
  });
  if (!given.ok() && given.error().code != Code::NotFound) return given.error();
  return Ok{};
}

// A raise that still waited has let nothing be opened: whoever watches then is none of ours.
Attempt RbdHold::lower(const Call& call) {
  const bool is_unopened = is_waiting_afresh(call.key);
  auto attempt = let_go(call, is_unopened);
  if (!is_unopened || std::holds_alternative<Done>(attempt)) forget_wait(call.key);
  if (std::holds_alternative<Done>(attempt)) unwatch(call.key);
  return attempt;
}

Attempt RbdHold::let_go(const Call& call, bool is_unopened) {
  auto opened = open_pool(cluster_, place_);
  if (!opened.ok()) return opened.error();
  auto& pool = *opened;
  auto id = fact(call.before, "id");
  if (id.empty()) {
    auto found = find_image(pool, name_of(call.key.volume));
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
  if (!record->fencing.empty())
    return Waiting{"node " + record->fencing + " fences the image; that frees the hold", Clock::now() + kLookAgain};
  if (const auto watchers = watching_clients(*pool.connection, *header, *record, *ours); !watchers.empty() && !is_unopened)
    return Waiting{"the cluster still sees our client " + watchers + " at the image; if it died without a word, for up to 30 s",
                   Clock::now() + kLookAgain};
  if (const auto given = give_back(pool, id, call.key); !given.ok()) return given.error();
  return Done{};
}

Finding RbdHold::probe(const Call& call) {
  auto found = find(call);
  if (found.standing == Standing::Up) watch(call.key, found.facts);
  if (found.standing == Standing::Down || found.standing == Standing::Foreign) unwatch(call.key);
  return found;
}

Finding RbdHold::find(const Call& call) {
  auto opened = open_pool(cluster_, place_);
  if (!opened.ok()) return {Standing::Unknown, {}, opened.error().message};
  auto& pool = *opened;
  const bool is_recorded = !fact(call.before, "id").empty();
  const auto header = read_header_of(pool, name_of(call.key.volume));
  if (!header.ok() && header.error().code == Code::NotFound)
    return {is_recorded ? Standing::Stale : Standing::Down, {}, is_recorded ? kReplaced : header.error().message};
  if (!header.ok()) return {Standing::Unknown, {}, header.error().message};
  if (is_recorded && header->id != fact(call.before, "id")) return {Standing::Stale, call.before, kReplaced};
  auto found = probe_record(call, pool, *header);
  if (found.standing == Standing::Up) forget_wait(call.key);  // from now on something may be opened
  return found;
}

Finding RbdHold::probe_record(const Call& call, Pool& pool, const Header& header) const {
  const auto record = hold_record_from(header.hold);
  if (!record.ok()) return {Standing::Unknown, {}, record.error().message};
  const auto us = self(*pool.connection, node_);
  const auto others = check_others(call, us, *record);
  const auto* ours = find_holder(*record, us, call.key);
  if (ours == nullptr) {
    const bool is_of_a_namesake = std::ranges::any_of(
        record->holders, [&](const Holder& holder) { return holder.node == us.node && holder.attachment == call.key; });
    const bool is_fenced = !fact(call.before, "id").empty() && !is_of_a_namesake;
    const std::string gone = is_fenced ? "the hold is gone: the image was fenced off this node" : "";
    if (!others.ok()) return {Standing::Foreign, {}, gone + (is_fenced ? "; " : "") + others.error().message, is_fenced};
    return {Standing::Down, {}, gone, is_fenced};
  }
  // It may be taken back yet (by who finds that he may not fence): until it is over, what stands on the hold stays as it is.
  if (!record->fencing.empty()) return {Standing::Unknown, {}, others.error().message};
  const auto proven = never_written(call, pool, header);
  if (!proven.ok()) return {Standing::Unknown, {}, proven.error().message};
  auto facts = facts_of(call, pool, header, *ours, *proven);
  if (!others.ok()) return {Standing::Foreign, std::move(facts), others.error().message};
  if (ours->access != call.spec.access) return {Standing::Stale, std::move(facts), "it is held for another access than wished"};
  if (ours->boot != this_boot()) return {Standing::Stale, std::move(facts), "it was taken before this host was started anew"};
  for (const auto& client : ours->clients)
    if (is_proven_dead(*ours, client)) return {Standing::Stale, std::move(facts), "its client " + client.address + " is dead"};
  // Taken, and not let through by a raise yet: that has to say who else is there. Nothing of ours was opened before its facts were kept.
  if (ours->may_be_opening) {
    const bool may_be_ours = !fact(call.before, "id").empty();
    if (const auto foreign = foreign_watchers(*pool.connection, header, *record, *ours, may_be_ours); !foreign.empty())
      return {Standing::Partial, {}, "it is taken, but open at " + foreign + ", which is none of ours"};
  }
  return {Standing::Up, std::move(facts), {}};
}

// Proven while nobody has it open; what was proven stays. What was formatted needs no proof.
Result<std::string> RbdHold::never_written(const Call& call, Pool& pool, const Header& header) const {
  if (const auto before = fact(call.before, "never_written"); !before.empty()) return before;
  const auto own = pool.connection->own_address();
  const bool is_open = std::ranges::any_of(header.watchers, [&](const std::string& address) { return address != own; });
  if (is_open || !header.format.empty()) return std::string{"false"};
  return std::string{TRY(is_never_written(pool, header)) ? "true" : "false"};
}

Facts RbdHold::facts_of(const Call& call, const Pool& pool, const Header& header, const Holder& ours,
                        const std::string& never_written) const {
  return {{"image", image_id(pool.connection->fsid(), place_, header.id).str()},
          {"id", header.id},
          {"pool", place_.pool},
          {"namespace", place_.name_space},
          {"name", name_of(call.key.volume)},
          {"size_bytes", std::to_string(header.size_bytes)},
          {"since", ours.since},
          {"never_written", never_written}};
}

std::vector<Found> RbdHold::survey() {
  auto opened = open_pool(cluster_, place_);
  std::vector<Found> found;
  if (!opened.ok()) return found;
  for (const auto& [name, id] : images_of(*opened)) {
    const auto header = read_header(*opened, id);
    if (!header.ok() || header->hold.empty()) continue;
    const auto record = hold_record_from(header->hold);
    if (!record.ok()) continue;
    for (const auto& holder : record->holders)
      if (is_ours(holder, self(*opened->connection, node_)) && backend_of(holder.attachment.volume) == place_.backend)
        found.push_back({holder.attachment,
                         RungKind::Hold,
                         {{"id", id}, {"since", holder.since}},
                         "hold on image " + image_name(place_, name) + " since " + holder.since});
  }
  return found;
}

}  // namespace blockplug::rbd
