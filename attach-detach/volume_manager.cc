// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/volume_manager.h"

#include <algorithm>

#include "attach-detach/changes.h"

namespace blockplug {
namespace {

constexpr std::size_t kMostRechecksPerSecond = 20;
constexpr std::chrono::seconds kResyncTick{1};

// Whatever is up of them now: what was raised for another access comes down first.
bool may_both_be(const Desired& one, const Desired& other) {
  const bool are_readers = one.spec.access == Access::ReadOnly && other.spec.access == Access::ReadOnly;
  return are_readers || (one.may_share && other.may_share);
}

}  // namespace

VolumeManager::VolumeManager(Parts parts)
    : parts_(std::move(parts)),
      executor_({world_, parts_.store, parts_.runner, parts_.ladders, [this](const VolumeId& id) { settle(id); },
                 [this](const OrderRecord& record, const Result<Facts>& outcome) { order_done(record, outcome); },
                 parts_.options.on_step}),
      waiters_(parts_.runner),
      orphans_(world_, parts_.runner, parts_.ladders) {}

VolumeManager::~VolumeManager() = default;

Status VolumeManager::start() {
  auto saved = TRY(parts_.store.load());
  last_order_ = saved.last_order;
  std::vector<VolumeId> ids;
  for (auto& loaded : saved.volumes) {
    const auto id = loaded.id;
    auto& volume = world_.volumes[id] = std::move(loaded);
    const auto image = std::exchange(volume.image, {});
    world_.set_image(volume, image);
    for (auto& [target, attachment] : volume.attachments) {
      by_target_[target].insert(id);
      last_desired_ = std::max(last_desired_, attachment.desired_number);
      auto& desired = attachment.desired;
      if (ends_with_boot(desired.origin) && desired.boot_id != parts_.options.boot_id) desired.attached = false;
      // Its caller may have heard that it is so, just before the end of that life: from now on a failure does not withdraw it.
      attachment.ever_complete = desired.attached;
      attachment.is_trunk_wanted = desired.leaves.empty();
      for (auto& [rung, record] : attachment.rungs) unverify(record, parts_.runner.now());
      attachment.asked_again = std::any_of(attachment.rungs.begin(), attachment.rungs.end(),
                                           [](const auto& entry) { return is_asked_again(entry.second); });
      for (auto& [leaf, leaf_desired] : desired.leaves) {
        leaf_desired.ever_complete = true;
        world_.paths.add(target, leaf.leaf, id);
      }
    }
    put_fences_first(volume.orders, 0);
    ids.push_back(id);
  }
  withdraw_overtaken();
  for (const auto& id : ids) {
    settle(id);
    executor_.consider(id);
  }
  orphans_.survey();
  parts_.runner.at(parts_.runner.now() + kResyncTick, [this] { resync(); });
  return Ok{};
}

std::vector<const Volume*> VolumeManager::with_all_of_its_image(const Volume& volume) const {
  auto all = world_.sharing_image(volume);
  all.push_back(&volume);
  return all;
}

// Two desired states of one image that cannot both be: the later was only taken because the earlier had been withdrawn, and that
// did not reach the disk (it was full, then a crash).
void VolumeManager::withdraw_overtaken() {
  for (auto& [id, volume] : world_.volumes)
    for (auto& [target, attachment] : volume.attachments)
      for (const auto* other : with_all_of_its_image(volume))
        for (const auto& [at, rival] : other->attachments) {
          const bool is_overtaken =
              attachment.desired.attached && rival.desired.attached && rival.desired_number > attachment.desired_number;
          if (!is_overtaken || may_both_be(rival.desired, attachment.desired)) continue;
          attachment.desired.attached = false;
          executor_.save(id, put_attachment(attachment));
        }
}

void VolumeManager::stop() {
  is_stopping_ = true;
  executor_.stop();
}

// --- the door ---

Result<WaitId> VolumeManager::attach(const AttachRequest& request, Settled settled) {
  const auto& key = request.key;
  TRY(may_attach(request));
  const bool is_new = world_.find(key.volume) == nullptr;
  auto& volume = world_.volumes[key.volume];
  volume.id = key.volume;
  const auto image_before = volume.image;
  auto& attachment = volume.attachments[key.target];
  attachment.key = key;
  auto& desired = attachment.desired;
  if (desired.attached)
    if (auto joined = may_join(attachment, request); !joined.ok()) return joined.error();
  const auto before = desired;
  if (!desired.attached) {
    waiters_.answer_all(key, Goal::Down, no_effect(Code::Aborted, "detach " + to_text(key) + ": it was attached again meanwhile"));
    desired = Desired{true, request.up_to, request.spec, request.may_share, request.origin, parts_.options.boot_id, {}, false};
    attachment.ever_complete = attachment.is_trunk_wanted = false;
    attachment.enough.reset();
    attachment.desired_number = ++last_desired_;
    attachment.failure.reset();
    attachment.first_desired = parts_.runner.wall();
  }
  if (!request.up_to) desired.up_to.reset();
  if (!request.leaf) attachment.is_trunk_wanted = true;
  if (request.leaf && !desired.leaves.contains(request.leaf->first)) {
    const auto overtaken =
        no_effect(Code::Aborted, "detach " + to_text(key) + ": " + request.leaf->first.leaf + " was attached again meanwhile");
    waiters_.answer(key, Goal::Down, overtaken, [&](const auto& leaf) { return leaf == request.leaf->first; });
    desired.leaves[request.leaf->first] = {request.leaf->second, false};
    world_.paths.add(key.target, request.leaf->first.leaf, key.volume);
    attachment.leaf_failures.erase(request.leaf->first);
  }
  attachment.operation = request.operation;
  executor_.set_asked_again(attachment, fenced_rung(attachment) != nullptr);
  orphans_.adopted(key, request.leaf ? std::optional(request.leaf->first) : std::nullopt);
  by_target_[key.target].insert(key.volume);
  if (!request.image.empty()) world_.set_image(volume, request.image);
  if (is_new || volume.image != image_before) executor_.save(key.volume, PutVolume{key.volume, volume.image});
  const auto leaf = request.leaf ? std::optional(request.leaf->first) : std::nullopt;
  if (request.enough) attachment.enough = request.enough;
  const auto waits_for = request.enough ? std::optional(RungId{*request.enough, {}}) : leaf;
  const auto id = waiters_.add(key, Goal::Up, waits_for, std::move(settled));
  if (!(before == desired)) {
    executor_.save(key.volume, put_attachment(attachment));
    executor_.desired_changed(key.volume);
  } else {
    executor_.retry_now(key.volume);
  }
  settle(key.volume);
  return id;
}

Result<WaitId> VolumeManager::detach(const DetachRequest& request, Settled settled) {
  const auto& key = request.key;
  auto* volume = world_.find(key.volume);
  auto* attachment = volume == nullptr || !volume->attachments.contains(key.target) ? nullptr : &volume->attachments.at(key.target);
  if (attachment == nullptr && orphans_.has(key)) {
    if (parts_.ladders.find(key) == nullptr)
      return no_effect(Code::FailedPrecondition, "detach " + to_text(key) + ": backend '" + backend_of(key.volume) +
                                                     "' is not configured. Configure it again, so that this daemon can remove it");
    TRY(may_adopt(request));
    attachment = &adopt(key);
  }
  if (attachment == nullptr) {
    parts_.runner.post([settled = std::move(settled)] { settled(Ok{}); });
    return WaitId{};
  }
  TRY(may_detach(*attachment, request));
  if (request.leaf) adopt_leaf(*attachment, *request.leaf);
  auto& desired = attachment->desired;
  const auto before = desired;
  desired.by_force = request.by_force || (desired.by_force && !desired.attached);
  if (request.leaf) {
    const bool was_desired = desired.leaves.erase(*request.leaf) > 0;
    const auto overtaken =
        no_effect(Code::Aborted, "attach " + to_text(key) + ": " + request.leaf->leaf + " was taken away meanwhile");
    waiters_.answer(key, Goal::Up, overtaken, [&](const auto& leaf) { return leaf == request.leaf; });
    if (request.trunk != Trunk::GoesWithLastLeaf)
      attachment->is_trunk_wanted = true;
    else if (desired.leaves.empty() && (was_desired || !attachment->is_trunk_wanted))
      desired.attached = false;
  } else {
    desired.attached = false;
    desired.leaves.clear();
  }
  if (!desired.attached)
    waiters_.answer_all(key, Goal::Up, no_effect(Code::Aborted, "attach " + to_text(key) + ": it was detached meanwhile"));
  attachment->operation = request.operation;
  const auto waits_for = desired.attached ? request.leaf : std::nullopt;
  const auto id = waiters_.add(key, Goal::Down, waits_for, std::move(settled));
  if (!(before == desired)) {
    executor_.save(key.volume, put_attachment(*attachment));
    executor_.desired_changed(key.volume);
  } else {
    executor_.retry_now(key.volume);
  }
  settle(key.volume);
  return id;
}

// A leaf without a record, on a trunk that has one: named, it comes down like any that is not desired. Only named: it may be a
// person's own mount of the device.
void VolumeManager::adopt_leaf(Attachment& attachment, const RungId& leaf) {
  const auto known = orphans_.known().find(attachment.key);
  if (known == orphans_.known().end()) return;
  for (const auto& found : known->second) {
    const RungId id{found.kind, found.leaf};
    if (id != leaf || attachment.rungs.contains(id)) continue;
    auto& record = attachment.rungs[id];
    record.state = RungState::Raising;
    unverify(record, parts_.runner.now());
    record.since = parts_.runner.wall();
    record.facts = found.facts;
    executor_.save(attachment.key.volume, put_rung(attachment.key, id, record));
  }
  orphans_.adopted(attachment.key, leaf);
}

// Somebody asks for an orphan to go: it gets a record in which every rung may be up.
Attachment& VolumeManager::adopt(const AttachmentKey& key) {
  auto& volume = world_.volumes[key.volume];
  volume.id = key.volume;
  auto& attachment = volume.attachments[key.target];
  attachment.key = key;
  attachment.first_desired = parts_.runner.wall();
  attachment.desired.attached = true;  // for a moment: the caller withdraws it
  if (const auto* ladder = parts_.ladders.find(key))
    for (const auto& plan : ladder->trunk) {
      if (plan.needs_staging_path) continue;  // it has one only if it was found
      auto& record = attachment.rungs[{plan.kind, {}}];
      record.state = RungState::Raising;
      unverify(record, parts_.runner.now());
      record.since = attachment.first_desired;
    }
  for (const auto& found : orphans_.known().at(key)) {
    auto& record = attachment.rungs[{found.kind, found.leaf}];
    record.state = RungState::Raising;
    unverify(record, parts_.runner.now());
    record.since = attachment.first_desired;
    record.facts = found.facts;
    if (!found.hides) continue;
    auto& hidden = attachment.rungs[*found.hides];
    hidden.state = RungState::Raising;
    unverify(hidden, parts_.runner.now());
    hidden.since = attachment.first_desired;
  }
  for (const auto& [id, record] : attachment.rungs) executor_.save(key.volume, put_rung(key, id, record));
  by_target_[key.target].insert(key.volume);
  orphans_.adopted(key);
  return attachment;
}

WaitId VolumeManager::wait_until_up(const AttachmentKey& key, Settled settled) {
  const auto id = waiters_.add(key, Goal::Up, std::nullopt, std::move(settled));
  const auto* volume = world_.find(key.volume);
  const bool is_desired =
      volume != nullptr && volume->attachments.contains(key.target) && volume->attachments.at(key.target).desired.attached;
  if (!is_desired) waiters_.answer_all(key, Goal::Up, no_effect(Code::Aborted, to_text(key) + " is not to be attached"));
  settle(key.volume);
  return id;
}

void VolumeManager::abandon(WaitId wait) { waiters_.abandon(wait); }

// --- telling callers, and forgetting what is over ---

void VolumeManager::settle(const VolumeId& id) {
  if (parts_.options.on_change) parts_.options.on_change(id);
  auto* volume = world_.find(id);
  if (volume == nullptr || !executor_.is_desired_stored(id)) return;
  tell_cancelled(id);
  for (const auto& inside : world_.paths.inside(id))  // they may wait for a path of this one
    parts_.runner.post([this, inside] { executor_.consider(inside); });
  std::vector<TargetId> over;
  for (auto& [target, attachment] : volume->attachments)
    if (settle_attachment(attachment)) over.push_back(target);
  for (const auto& target : over) {
    volume->attachments.erase(target);
    executor_.save(id, ForgetAttachment{{id, target}});
    auto& there = by_target_[target];
    there.erase(id);
    if (there.empty()) by_target_.erase(target);
  }
  const auto others = over.empty() ? std::vector<const Volume*>{} : world_.sharing_image(*volume);
  for (const auto* other : others) parts_.runner.post([this, waiting = other->id] { executor_.consider(waiting); });
  if (!volume->attachments.empty() || !volume->orders.empty() || executor_.running(id) != nullptr) return;
  world_.set_image(*volume, {});
  world_.paths.remove(id);
  world_.volumes.erase(id);
  executor_.forget(id);
}

// Is it over? Then all who wait for it have been told.
bool VolumeManager::settle_attachment(Attachment& attachment) {
  const auto* ladder = parts_.ladders.find(attachment.key);
  const auto* running = executor_.running(attachment.key.volume);
  const bool is_running = running != nullptr && running->step.kind != Step::Kind::Perform && running->step.key == attachment.key;
  if (attachment.desired.attached) {
    if (ladder == nullptr) return false;
    mark_complete(attachment, *ladder);
    if (!is_running) settle_leaves(attachment);
    if (const auto* fenced = fenced_rung(attachment); fenced != nullptr && !attachment.asked_again)
      waiters_.answer_all(attachment.key, Goal::Up, within("attach " + to_text(attachment.key), fenced_error(*fenced)));
    waiters_.answer(attachment.key, Goal::Up, Ok{}, [&](const std::optional<RungId>& part) {
      if (!part) return is_complete(attachment, *ladder);
      return part->leaf.empty() ? is_up_to(attachment, *ladder, part->kind) : is_leaf_complete(attachment, *ladder, *part);
    });
    return false;
  }
  if (is_running || !is_all_down(attachment)) return false;
  if (attachment.failure)
    waiters_.answer_all(attachment.key, Goal::Up, within("attach " + to_text(attachment.key), *attachment.failure));
  waiters_.answer_all(attachment.key, Goal::Down, Ok{});
  return true;
}

void VolumeManager::settle_leaves(Attachment& attachment) {
  for (auto entry = attachment.rungs.begin(); entry != attachment.rungs.end();) {
    const auto& [id, record] = *entry;
    const bool is_over = !id.leaf.empty() && !attachment.desired.leaves.contains(id) && record.state == RungState::Down &&
                         record.belief == Belief::Known;
    entry = is_over ? attachment.rungs.erase(entry) : std::next(entry);
  }
  const auto is_gone = [&](const std::optional<RungId>& leaf) {
    return leaf && !attachment.desired.leaves.contains(*leaf) && !attachment.rungs.contains(*leaf);
  };
  for (const auto& [id, error] : attachment.leaf_failures)
    if (is_gone(id))
      waiters_.answer(attachment.key, Goal::Up, within("attach " + to_text(attachment.key), error),
                      [&id = id](const auto& leaf) { return leaf == id; });
  std::erase_if(attachment.leaf_failures, [&](const auto& failure) { return is_gone(failure.first); });
  waiters_.answer(attachment.key, Goal::Down, Ok{}, is_gone);
}

void VolumeManager::mark_complete(Attachment& attachment, const Ladder& ladder) {
  bool is_news = !attachment.ever_complete && is_complete(attachment, ladder);
  if (is_news) attachment.ever_complete = true;
  for (auto& [id, leaf] : attachment.desired.leaves) {
    if (leaf.ever_complete || !is_leaf_complete(attachment, ladder, id)) continue;
    leaf.ever_complete = attachment.ever_complete = is_news = true;
  }
  if (attachment.enough && !attachment.ever_complete && is_up_to(attachment, ladder, *attachment.enough)) {
    is_news = attachment.ever_complete = true;
    for (auto& [id, leaf] : attachment.desired.leaves) leaf.ever_complete = true;
  }
  if (is_news) executor_.save(attachment.key.volume, put_attachment(attachment));
}

// --- events ---

void VolumeManager::touch_volume(const VolumeId& volume) {
  parts_.runner.post([this, volume] { executor_.touch(volume); });
}

void VolumeManager::doubt_volume(const VolumeId& volume) {
  parts_.runner.post([this, volume] { executor_.doubt(volume, nullptr, Belief::Unverified); });
}

void VolumeManager::doubt_attachment(const AttachmentKey& attachment) {
  parts_.runner.post([this, attachment] {
    const auto* volume = world_.find(attachment.volume);
    if (volume == nullptr || !volume->attachments.contains(attachment.target)) return;
    executor_.doubt(attachment.volume, &attachment.target, Belief::Unverified);
  });
}

void VolumeManager::respec_volume(const VolumeId& volume, const SpecChange& seen, Time read_at) {
  parts_.runner.post([this, volume, seen, read_at] { executor_.respec(volume, seen, read_at); });
}

void VolumeManager::doubt_target(const TargetId& target) {
  parts_.runner.post([this, target] {
    if (const auto found = by_target_.find(target); found != by_target_.end()) {
      const auto volumes = found->second;
      for (const auto& volume : volumes) executor_.doubt(volume, &target, Belief::Unverified);
    }
    orphans_.survey();
  });
}

// The safety net: a few volumes each second, so that all are probed once in `resync`, if that is not too many.
void VolumeManager::resync() {
  if (is_stopping_) return;
  const auto ticks = std::max<std::size_t>(1, static_cast<std::size_t>(parts_.options.resync / kResyncTick));
  resync_credit_ = std::min(resync_credit_ + world_.volumes.size(), ticks * kMostRechecksPerSecond);
  for (; resync_credit_ >= ticks && !world_.volumes.empty(); resync_credit_ -= ticks) {
    auto next = world_.volumes.upper_bound(resync_cursor_);
    if (next == world_.volumes.end()) {
      next = world_.volumes.begin();
      orphans_.survey();
    }
    resync_cursor_ = next->first;
    executor_.doubt(resync_cursor_, nullptr, Belief::Recheck);
  }
  parts_.runner.at(parts_.runner.now() + kResyncTick, [this] { resync(); });
}

}  // namespace blockplug
