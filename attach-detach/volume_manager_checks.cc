// SPDX-License-Identifier: Apache-2.0
// The Volume Manager's refusals: what cannot be asked for, and why. Nothing here changes the world.
#include "attach-detach/roles.h"
#include "attach-detach/volume_manager.h"

namespace blockplug {
namespace {

Error refused(const AttachmentKey& key, const std::string& what) {
  return no_effect(Code::FailedPrecondition, "attach " + to_text(key) + ": " + what);
}

// What the first attach said counts for all paths: the file system is mounted once.
std::string with_flags(const std::vector<std::string>& flags) {
  if (flags.empty()) return "without mount flags of its file system";
  std::string text = "with mount flags ";
  for (const auto& flag : flags) text += (&flag == &flags.front() ? "" : ",") + flag;
  return text;
}

std::string with_filesystem(const std::string& filesystem) {
  return filesystem == "auto" ? "with the filesystem that it already has" : "with filesystem " + filesystem;
}

std::string difference(const Desired& desired, const AttachRequest& request) {
  if (desired.spec.access != request.spec.access) return to_text(desired.spec.access);
  if (desired.spec.filesystem != request.spec.filesystem)
    return desired.spec.filesystem.empty() ? "as a raw block device" : with_filesystem(desired.spec.filesystem);
  if (desired.spec.limits != request.spec.limits) return "with other limits";
  if (desired.spec.flags != request.spec.flags) return with_flags(desired.spec.flags);
  if (desired.spec.staging_path != request.spec.staging_path)
    return desired.spec.staging_path.empty() ? "without a staging path" : "with staging path " + desired.spec.staging_path;
  return {};
}

std::string difference(const LeafSpec& existing, const LeafSpec& asked) {
  if (existing.access != asked.access) return existing.access == Access::ReadOnly ? " read-only" : " read-write";
  if (existing.filesystem != asked.filesystem) return " " + with_filesystem(existing.filesystem);
  return " with other flags";
}

}  // namespace

Status VolumeManager::may_attach(const AttachRequest& request) const {
  const auto& key = request.key;
  const auto* ladder = parts_.ladders.find(key);
  if (ladder == nullptr)
    return no_effect(Code::InvalidArgument, "attach " + to_text(key) + ": backend '" + backend_of(key.volume) +
                                                "' is not configured or cannot attach to such a target");
  if (request.leaf && plan_of(*ladder, request.leaf->first) == nullptr)
    return no_effect(Code::InvalidArgument, "attach " + to_text(key) + ": this target has no " + to_text(request.leaf->first.kind));
  if (request.enough && plan_of(*ladder, {*request.enough, {}}) == nullptr)
    return no_effect(Code::InvalidArgument, "attach " + to_text(key) + ": backend '" + backend_of(key.volume) + "' has no " +
                                                to_text(*request.enough) + " to this target");
  TRY(may_stage(request, *ladder));
  if (parts_.store.is_low_on_space())
    return no_effect(Code::ResourceExhausted,
                     "attach " + to_text(key) + ": the disk of state_dir is full; make room there (detaches still work)");
  auto holders = world_.with_image(request.image);
  if (const auto* volume = world_.find(key.volume)) {
    if (request.image.empty()) holders = with_all_of_its_image(*volume);
    for (const auto& record : volume->orders)
      if (record.order.kind == OrderKind::Delete) return refused(key, "the volume is being deleted");
    if (!request.image.empty() && volume->image != request.image) holders.push_back(volume);
  }
  Desired desired;
  desired.spec = request.spec;
  desired.may_share = request.may_share;
  for (const auto* holder : holders)
    for (const auto& [target, other] : holder->attachments)
      if (other.key != key && other.desired.attached && !may_share(other, desired))
        return refused(key, "it is attached already: " + to_text(other.key) + ". Detach it there first");
  return Ok{};
}

// What an earlier desired state left at another staging path comes down first, by the earlier desired state's withdrawal: its path
// is known by that only.
Status VolumeManager::may_stage(const AttachRequest& request, const Ladder& ladder) const {
  const auto& key = request.key;
  const auto* volume = world_.find(key.volume);
  const auto known = volume == nullptr ? decltype(volume->attachments.end()){} : volume->attachments.find(key.target);
  for (const auto& plan : ladder.trunk) {
    if (!plan.needs_staging_path) continue;
    const RungId id{plan.kind, {}};
    if (volume != nullptr && known != volume->attachments.end()) {
      const auto& [target, existing] = *known;
      const auto& path = existing.desired.spec.staging_path;
      const auto& record = existing.rung(id);
      const bool is_there = record.state != RungState::Down || record.belief != Belief::Known;
      if (!existing.desired.attached && is_there && path != request.spec.staging_path)
        return no_effect(Code::Aborted, "attach " + to_text(key) + ": its " + to_text(id) + (path.empty() ? "" : " at " + path) +
                                            " is still being removed; try again when it is gone");
    }
    const auto orphan = orphans_.known().find(key);
    if (orphan == orphans_.known().end()) continue;
    for (const auto& thing : orphan->second)
      if (RungId{thing.kind, thing.leaf} == id && fact(thing.facts, roles::kStagingPath) != request.spec.staging_path)
        return no_effect(Code::FailedPrecondition, "attach " + to_text(key) + ": there is a " + thing.what +
                                                       " without a record. Remove it with `blockplug repair " + key.volume.str() +
                                                       "`");
  }
  return Ok{};
}

Status VolumeManager::may_join(const Attachment& existing, const AttachRequest& request) const {
  auto other = difference(existing.desired, request);
  if (other.empty() && request.leaf)
    if (const auto leaf = existing.desired.leaves.find(request.leaf->first);
        leaf != existing.desired.leaves.end() && !(leaf->second.spec == request.leaf->second))
      other = "at " + request.leaf->first.leaf + difference(leaf->second.spec, request.leaf->second);
  if (other.empty()) return Ok{};
  return no_effect(Code::AlreadyExists, "attach " + to_text(request.key) + ": it is attached there already, " + other +
                                            ". Detach it first, or ask for the same");
}

Status VolumeManager::may_detach(const Attachment& existing, const DetachRequest& request) const {
  if (request.trunk != Trunk::GoesOnlyBare || request.leaf) return Ok{};
  std::string leaves;
  for (const auto& [id, leaf] : existing.desired.leaves) leaves += (leaves.empty() ? "" : ", ") + id.leaf;
  for (const auto& [id, record] : existing.rungs)
    if (!id.leaf.empty() && !existing.desired.leaves.contains(id) &&
        (record.state != RungState::Down || record.belief != Belief::Known))
      leaves += (leaves.empty() ? "" : ", ") + id.leaf;
  if (leaves.empty()) return Ok{};
  return no_effect(Code::FailedPrecondition,
                   "detach " + to_text(request.key) + ": it is still published at " + leaves + ". Take it from there first");
}

// Before it has a record: one that was refused must not leave any.
Status VolumeManager::may_adopt(const DetachRequest& request) const {
  if (request.trunk != Trunk::GoesOnlyBare || request.leaf) return Ok{};
  std::string leaves;
  for (const auto& thing : orphans_.known().at(request.key))
    if (!thing.leaf.empty()) leaves += (leaves.empty() ? "" : ", ") + thing.leaf;
  if (leaves.empty()) return Ok{};
  return no_effect(Code::FailedPrecondition, "detach " + to_text(request.key) + ": it has no record, and is still mounted at " +
                                                 leaves + ". Attach it again, or remove all of it with `blockplug repair " +
                                                 request.key.volume.str() + "`");
}

}  // namespace blockplug
