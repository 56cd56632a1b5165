// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "attach-detach/roles.h"
#include "hotplug/host/mount/target_path.h"
#include "hotplug/rungs.h"
#include "volume-plugin/door/attachment_checks.h"
#include "volume-plugin/door/attachments.h"
#include "volume-plugin/door/mount_flags.h"

namespace blockplug {
namespace {
bool is_desired(const std::optional<AttachmentReport>& report) {
  return report && report->is_desired && report->state != State::Orphan;
}

const RungReport* find(const std::optional<AttachmentReport>& report, const RungId& id) {
  if (!report) return nullptr;
  const auto found = std::ranges::find_if(report->rungs, [&](const RungReport& rung) { return rung.rung == id; });
  return found == report->rungs.end() ? nullptr : &*found;
}

std::string fact(const RungReport* rung, const char* name) {
  const auto found = rung == nullptr ? Facts::const_iterator{} : rung->facts.find(name);
  return rung == nullptr || found == rung->facts.end() ? std::string{} : found->second;
}

std::optional<RungId> leaf_of(const WantedAttachment& wanted) {
  return wanted.leaf ? std::optional(leaf_at(wanted.target, wanted.leaf->path)) : std::nullopt;
}

bool has_desired_leaf(const std::optional<AttachmentReport>& existing, const RungId& leaf) {
  return is_desired(existing) && existing->leaves.contains(leaf);
}

std::string filesystem_beside(const std::string& asked, const std::string& desired, const std::string& found);
LeafSpec leaf_spec(const WantedAttachment& wanted, const RungId& id, const std::optional<AttachmentReport>& existing);
Status check_is_below(const std::string& path, const std::string& directory);
std::string other_path(const std::optional<AttachmentReport>& existing, const RungId& leaf);
Status may_be_handed_over(const WantedAttachment& wanted, const std::optional<AttachmentReport>& existing);
}  // namespace

struct AttachmentDoor::Attaching {
  WantedAttachment wanted;
  AttachmentKey key;
  DoorCallPtr call;
  Time deadline;
  AttachmentAnswer answer;
};

DoorCallPtr AttachmentDoor::attach(const WantedAttachment& asked, Time deadline, AttachmentAnswer unsafe) {
  auto call = parts_.calls.begin("attach", asked.volume);
  auto answer = Calls::once<AttachmentReport>(call, std::move(unsafe));
  const auto volume = parts_.lookups.checked(asked.volume);
  if (!volume.ok()) return parts_.calls.refuse<AttachmentReport>(call, answer, volume.error());
  const auto wanted = with_sorted_flags(asked);
  if (const auto may = check(wanted); !may.ok()) return parts_.calls.refuse<AttachmentReport>(call, answer, may.error());
  const Attaching attaching{wanted, {*volume, wanted.target}, call, deadline, answer};
  if (const auto serves = parts_.targets.serves(wanted.target); !serves.ok())
    return parts_.calls.refuse<AttachmentReport>(call, answer, within("attach " + to_text(attaching.key), serves.error()));
  parts_.lookups.look_up_until(deadline, *volume, [this, attaching](const Result<VolumeInfo>& info) {
    if (attaching.call->is_over) return;
    if (!info.ok()) return attaching.answer(with_volume(attaching.key.volume, info.error()));
    decide(attaching, *info);
  });
  return call;
}

// What is desired or there already was looked at when it was desired first; what is new must be able to appear.
void AttachmentDoor::decide(const Attaching& attaching, const VolumeInfo& info) const {
  const auto& [wanted, key, call, deadline, answer] = attaching;
  const auto existing = parts_.calls.manager().explain(key);
  const auto request = request_for(wanted, key, info, existing);
  const auto leaf = leaf_of(wanted);
  const bool is_known = (wanted.target != kHost && is_desired(existing)) || (leaf && is_orphan(key, *leaf));
  if (is_known) return submit(attaching, request);
  const auto look = [this, wanted = wanted, existing] { return may_appear(wanted, existing); };
  parts_.lookups.check(key.volume, look, [this, attaching, request](const Status& may) {
    if (attaching.call->is_over) return;
    if (!may.ok()) return attaching.answer(within("attach " + to_text(request.key), may.error()));
    submit(attaching, request);
  });
}

AttachRequest AttachmentDoor::request_for(const WantedAttachment& wanted, const AttachmentKey& key, const VolumeInfo& info,
                                          const std::optional<AttachmentReport>& existing) const {
  AttachRequest request;
  request.key = key;
  request.image = info.image;
  request.origin = wanted.origin;
  request.operation = wanted.operation;
  request.spec.size_bytes = info.size_bytes;
  request.spec.limits = is_desired(existing) ? existing->spec.limits : info.limits;
  // A read-only path beside read-write ones is one of its own; where it is the first, nothing at all is written.
  const bool is_beside = is_desired(existing) && wanted.leaf && wanted.leaf->access == Access::ReadOnly;
  request.spec.access = is_beside ? existing->spec.access : wanted.access;
  const auto* ladder = parts_.ladders.find(key);
  if (wanted.height == Height::Device && ladder != nullptr && !ladder->device.empty()) request.up_to = ladder->device;
  if (wanted.target == kHost && wanted.height == Height::Whole) {
    request.spec.filesystem = filesystem_beside(wanted.filesystem, is_desired(existing) ? existing->spec.filesystem : "",
                                                fact(find(existing, {rungs::kStage, {}}), roles::kMountFilesystem));
    // None given: those that it is mounted with.
    request.spec.flags = wanted.mount_flags.empty() && is_desired(existing) ? existing->spec.flags : wanted.mount_flags;
    request.spec.staging_path = wanted.staging_path;
  }
  if (kind_of(wanted.target) == "vm")  // none given: the hand-over that it has
    request.spec.staging_path =
        wanted.staging_path.empty() && is_desired(existing) ? existing->spec.staging_path : wanted.staging_path;
  if (wanted.answered_when == AnsweredWhen::HandedOver) request.enough = rungs::kHandOver;
  if (const auto leaf = leaf_of(wanted)) request.leaf = {*leaf, leaf_spec(wanted, *leaf, existing)};
  return request;
}

// Present without a record: to be adopted.
bool AttachmentDoor::is_orphan(const AttachmentKey& key, const RungId& leaf) const {
  const auto& orphans = parts_.calls.manager().orphans();
  const auto found = orphans.find(key);
  return found != orphans.end() && std::ranges::any_of(found->second, [&](const Found& thing) {
           return RungId{thing.kind, thing.leaf} == leaf;
         });
}

// Runs on a worker.
Status AttachmentDoor::may_appear(const WantedAttachment& wanted, const std::optional<AttachmentReport>& existing) const {
  if (kind_of(wanted.target) == "vm" && !wanted.staging_path.empty()) TRY(may_be_handed_over(wanted, existing));
  if (wanted.target != kHost)
    return wanted.if_absent == AbsentTarget::Armed ? Status(Ok{}) : parts_.targets.check_present(wanted.target);
  TRY(check_is_below(wanted.staging_path, wanted.only_below));
  TRY(check_is_below(wanted.leaf ? wanted.leaf->path : "", wanted.only_below));
  const auto leaf = leaf_of(wanted);
  if (!leaf || has_desired_leaf(existing, *leaf)) return Ok{};
  const auto path = TRY(mount::resolve(wanted.leaf->path));
  for (const auto& rung : existing ? existing->rungs : std::vector<RungReport>{}) {
    if (rung.rung.kind != leaf->kind || rung.state == "down") continue;
    if (rung.rung == *leaf) return Ok{};  // on its way down, or an orphan: ours
    if (fact(&rung, roles::kMountPath) == path)
      return no_effect(Code::AlreadyExists, "it is already attached at " + rung.rung.leaf + ": use that path");
  }
  return mount::check_target(path, wanted.height == Height::Device ? mount::Shape::BlockDevice : mount::Shape::Directory);
}

void AttachmentDoor::submit(const Attaching& attaching, const AttachRequest& request) const {
  auto& manager = parts_.calls.manager();
  if (attaching.wanted.leaf && attaching.wanted.leaf->is_alone)
    if (const auto other = other_path(manager.explain(request.key), request.leaf->first); !other.empty())
      return attaching.answer(no_effect(Code::FailedPrecondition, "attach " + to_text(request.key) +
                                                                      ": it is to be at one path only, " + "and is at " + other +
                                                                      ". Detach it there first"));
  const auto accepted = manager.attach(request, [&manager, key = request.key, answer = attaching.answer](const Status& status) {
    if (!status.ok()) return answer(status.error());
    auto report = manager.explain(key);
    if (!report) return answer(maybe_effect(Code::Aborted, to_text(key) + ": it was attached, and has been detached again since"));
    answer(std::move(*report));
  });
  if (!accepted.ok()) return attaching.answer(accepted.error());
  attaching.call->wait = *accepted;
  parts_.calls.limit<AttachmentReport>(attaching.call, attaching.deadline, request.key.volume, attaching.answer);
}

namespace {

LeafSpec leaf_spec(const WantedAttachment& wanted, const RungId& id, const std::optional<AttachmentReport>& existing) {
  LeafSpec spec{wanted.leaf->access, wanted.leaf->mount_flags};
  if (wanted.target == kHost) return spec;
  const bool is_there = has_desired_leaf(existing, id);
  spec.filesystem = filesystem_beside(wanted.leaf->filesystem, is_there ? existing->leaves.at(id).spec.filesystem : "",
                                      is_there ? fact(find(existing, id), roles::kMountFilesystem) : "");
  return spec;
}

// No filesystem given: the existing one. One given that equals the existing one: no conflict.
std::string filesystem_beside(const std::string& asked, const std::string& desired, const std::string& found) {
  if (asked.empty()) return desired.empty() ? "auto" : desired;
  return desired == "auto" && asked == found ? desired : asked;
}

// Runs on a worker.
Status may_be_handed_over(const WantedAttachment& wanted, const std::optional<AttachmentReport>& existing) {
  TRY(check_is_below(wanted.staging_path, wanted.only_below));
  const auto* there = find(existing, {rungs::kHandOver, {}});
  if (there != nullptr && there->state != "down") return Ok{};  // on its way down, or an orphan: ours
  return mount::check_target(TRY(mount::resolve(wanted.staging_path)), mount::Shape::Directory);
}

// With all links resolved. Runs on a worker.
Status check_is_below(const std::string& path, const std::string& directory) {
  if (path.empty() || directory.empty()) return Ok{};
  const auto resolved = TRY(mount::resolve(path)), below = TRY(mount::resolve(directory + "/."));
  if (resolved.starts_with(below.substr(0, below.size() - 1))) return Ok{};
  return no_effect(Code::InvalidArgument, path + " leads to " + resolved + ", which is not below " + directory);
}

// Other paths that are desired, or may still be there.
std::string other_path(const std::optional<AttachmentReport>& existing, const RungId& leaf) {
  if (!existing) return {};
  for (const auto& [id, desired] : existing->leaves)
    if (id != leaf) return id.leaf;
  for (const auto& rung : existing->rungs)
    if (rung.rung.kind == leaf.kind && rung.rung != leaf && rung.state != "down") return rung.rung.leaf;
  return {};
}

}  // namespace

}  // namespace blockplug
