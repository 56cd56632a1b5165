// SPDX-License-Identifier: Apache-2.0
#include "cinder/reserve.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "attach-detach/number.h"
#include "attach-detach/roles.h"
#include "cinder/rungs.h"

namespace blockplug::cinder {
namespace {
using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr seconds kSurveyAge{20};  // surveys follow each event of a VM
constexpr std::size_t kMostStrays = 1000;

Patience patience_of(const Call& call) { return {call.deadline, call.stop}; }

bool is_asked(const Facts& facts) { return !fact(facts, kAskedFact).empty(); }

bool is_stray(const Attachment& attachment, const Volume& volume) {
  return attachment.status == "reserved" && attachment.server.empty() && !volume.metadata.contains(tag_key(attachment.id));
}

// In these a volume is on its way to another one: the request is made again.
bool is_passing(const std::string& status) {
  constexpr std::array kPassing{"creating",  "downloading", "extending", "retyping",         "maintenance",       "backing-up",
                                "uploading", "detaching",   "managing",  "restoring-backup", "awaiting-transfer", "available"};
  return std::ranges::find(kPassing, status) != kPassing.end();
}

std::string described(const Attachment& attachment, const Volume& volume) {
  auto text = "attachment " + attachment.id + " (" + attachment.status + ")";
  if (const auto owner = owner_of(volume, attachment.id)) return text + " of node " + owner->node + ", " + owner->target.str();
  if (!attachment.server.empty()) return text + " of the Nova server " + attachment.server;
  return text + ", which was not made by Blockplug";
}

// For how long the POST that was begun then may still take effect.
milliseconds left_on_the_wire(const Facts& facts, milliseconds limit) {
  const auto asked_at = number_from<std::int64_t>(fact(facts, kAskedFact));
  if (!asked_at) return limit;
  return std::clamp(milliseconds(seconds(*asked_at - std::time(nullptr))) + limit, milliseconds(0), limit);
}
}  // namespace

Facts Reserve::facts_of(const Call& call, const Attachment& attachment) {
  const auto login = parts_.api.session().login(patience_of(call));
  // The serial that a disk has which Nova attaches: tools in guests look for it.
  return {{kAttachmentFact, attachment.id},
          {kProjectFact, login.ok() ? (*login)->token.project_id : fact(call.before, kProjectFact)},
          {roles::kVolumeSerial, name_of(call.key.volume)}};
}

// In another project none of its attachments is found, which proves nothing.
Status Reserve::check_project(const Call& call) {
  const auto kept = fact(call.before, kProjectFact);
  if (kept.empty()) return Ok{};
  const auto login = TRY(parts_.api.session().login(patience_of(call)));
  if (login->token.project_id == kept) return Ok{};
  return no_effect(Code::Unavailable, login->credentials.source +
                                          " is now of another project, but the volume was attached in project " + kept +
                                          ": configure that one until it is detached");
}

Attempt Reserve::raise(const Call& call) {
  if (const auto same = check_project(call); !same.ok()) return same.error();
  const auto attachment = fact(call.before, kAttachmentFact);
  if (attachment.empty()) {
    if (!is_asked(call.before)) return make(call);
    auto cleared = clear_strays(call, Then::Ask);
    return std::holds_alternative<Done>(cleared) ? make(call) : cleared;
  }
  const auto found = parts_.api.attachment(attachment, patience_of(call));
  if (found.ok() && found->volume_id == name_of(call.key.volume)) return finish(call, *found);
  if (!found.ok() && found.error().code != Code::NotFound) return found.error();
  if (const auto untagged = untag(call, attachment); !untagged.ok()) return untagged.error();
  return make(call);
}

Attempt Reserve::make(const Call& call) {
  // Kept before the call: from now on there may be an attachment whose id we do not know.
  const Facts asked{{kAttachmentFact, ""}, {kAskedFact, std::to_string(std::time(nullptr))}};
  if (const auto kept = call.journal.keep(asked); !kept.ok()) return kept.error();
  // Not given up for a newer request: that would leave an attachment behind.
  const auto made = parts_.api.reserve(name_of(call.key.volume), call.spec.access, {call.deadline});
  if (!made.ok()) {
    if (made.error().effect == Effect::None)  // only what was open before still is
      if (const auto kept = call.journal.keep({{kAskedFact, fact(call.before, kAskedFact)}}); !kept.ok()) return kept.error();
    return refused(call, made.error());
  }
  if (const auto kept = call.journal.keep(facts_of(call, *made)); !kept.ok()) {
    (void)parts_.api.release(made->id, {call.deadline});
    return maybe_effect(kept.error().code, kept.error().message);
  }
  return finish(call, *made);
}

Attempt Reserve::finish(const Call& call, const Attachment& attachment) {
  parts_.readings.forget(attachment.id);
  const auto tagged =
      parts_.api.set_metadata(name_of(call.key.volume), tag_key(attachment.id), to_text(owner(call)), patience_of(call));
  if (!tagged.ok()) return Error{tagged.error().code, Effect::Unknown, tagged.error().message};  // the attachment is there
  auto facts = facts_of(call, attachment);
  facts[kTaggedFact] = "true";
  return Done{std::move(facts)};
}

// Who has it, and whether it is worth trying again.
Attempt Reserve::refused(const Call& call, const Error& error) {
  if (error.code != Code::FailedPrecondition) return error;
  const auto name = name_of(call.key.volume);
  const auto volume = parts_.api.volume(name, patience_of(call));
  if (!volume.ok()) return volume.error();
  const auto attachments = parts_.api.attachments(name, patience_of(call));
  if (!attachments.ok()) return attachments.error();
  std::string holders;
  bool is_changing = is_passing(volume->status);
  for (const auto& each : *attachments) {
    // Of an earlier life of this daemon, whose store was lost.
    if (owner_of(*volume, each.id) == owner(call)) return finish(call, each);
    holders += (holders.empty() ? "" : "; ") + described(each, *volume);
    is_changing = is_changing || (volume->is_multiattach && each.status != "attached") ||
                  (is_asked(call.before) && is_stray(each, *volume));  // perhaps ours: see clear_strays
  }
  if (is_changing)
    return no_effect(Code::Aborted, error.message + "; it is asked for again, as that may change: its status is '" +
                                        volume->status + "'" + (holders.empty() ? "" : ", and it has " + holders));
  if (holders.empty())
    return no_effect(Code::FailedPrecondition,
                     error.message + "; its status is '" + volume->status + "' without an attachment: an administrator can " +
                         "set it right with `openstack volume set --state available`, once nothing uses it");
  return no_effect(Code::FailedPrecondition,
                   error.message + "; it is used by " + holders + ": detach it there; if that one is gone, delete its attachment");
}

Attempt Reserve::clear_strays(const Call& call, Then then) {
  const auto name = name_of(call.key.volume);
  const auto volume = parts_.api.volume(name, patience_of(call));
  if (!volume.ok() && volume.error().code == Code::NotFound) return Done{};
  if (!volume.ok()) return volume.error();
  const auto attachments = parts_.api.attachments(name, patience_of(call));
  if (!attachments.ok()) return attachments.error();
  for (const auto& each : *attachments) {
    if (!is_stray(each, *volume)) continue;
    auto deleted = delete_stray(call, each.id);
    if (!std::holds_alternative<Done>(deleted)) return deleted;
  }
  const auto left = left_on_the_wire(call.before, parts_.on_the_wire);
  if (left.count() == 0) {
    if (const auto kept = call.journal.keep({{kAskedFact, ""}}); !kept.ok()) return kept.error();
  } else if (then == Then::Leave) {
    return Waiting{"Cinder may still perform a request whose answer was lost", Clock::now() + left};
  }
  return Done{};
}

Attempt Reserve::delete_stray(const Call& call, const std::string& attachment) {
  Time first_seen;
  {
    const std::lock_guard lock(mutex_);
    if (strays_.size() > kMostStrays) strays_.clear();
    first_seen = strays_.try_emplace(attachment, Clock::now()).first->second;
  }
  if (Clock::now() - first_seen < parts_.grace)
    return Waiting{"Cinder has attachment " + attachment +
                       " of the volume, perhaps ours: its answer was lost. If no owner is known by then, it is deleted",
                   first_seen + parts_.grace};
  const auto deleted = parts_.api.release(attachment, patience_of(call));
  if (!deleted.ok() && deleted.error().code != Code::NotFound) return deleted.error();
  const std::lock_guard lock(mutex_);
  strays_.erase(attachment);
  return Done{};
}

Status Reserve::untag(const Call& call, const std::string& attachment) {
  const auto untagged = parts_.api.remove_metadata(name_of(call.key.volume), tag_key(attachment), patience_of(call));
  if (untagged.ok() || untagged.error().code == Code::NotFound) return Ok{};
  return Error{untagged.error().code, Effect::Unknown, untagged.error().message};
}

Attempt Reserve::lower(const Call& call) {
  if (const auto same = check_project(call); !same.ok()) return same.error();
  const auto attachment = fact(call.before, kAttachmentFact);
  if (attachment.empty()) return is_asked(call.before) ? clear_strays(call, Then::Leave) : Attempt{Done{}};
  parts_.readings.forget(attachment);
  bool is_of_this_volume = true;
  if (!call.before.contains(roles::kVolumeSerial)) {  // known by its tag alone, which a restored backup has too
    const auto found = parts_.api.attachment(attachment, patience_of(call));
    if (!found.ok() && found.error().code != Code::NotFound) return found.error();
    is_of_this_volume = found.ok() && found->volume_id == name_of(call.key.volume);
  }
  if (is_of_this_volume) {
    const auto deleted = parts_.api.release(attachment, patience_of(call));
    if (!deleted.ok() && deleted.error().code != Code::NotFound) return deleted.error();
  }
  if (const auto untagged = untag(call, attachment); !untagged.ok()) return untagged.error();
  forget_surveyed(call.key);
  return Done{};
}

void Reserve::forget_surveyed(const AttachmentKey& key) {
  const std::lock_guard lock(mutex_);
  std::erase_if(surveyed_, [&](const Found& found) { return found.key == key; });
  lowered_at_ = Clock::now();
}

Finding Reserve::probe(const Call& call) {
  const auto attachment = fact(call.before, kAttachmentFact);
  if (attachment.empty()) {
    if (!is_asked(call.before)) return {Standing::Down, {}, {}};
    return {Standing::Partial, call.before, "Cinder's answer was lost: there may be an attachment whose id is unknown"};
  }
  if (const auto same = check_project(call); !same.ok()) return {Standing::Unknown, call.before, same.error().message};
  const auto found = parts_.readings.read(attachment, call.doubted_at, patience_of(call));
  if (!found.ok() && found.error().code == Code::NotFound)
    return {Standing::Partial, call.before, "Cinder no longer has attachment " + attachment};
  if (!found.ok()) return {Standing::Unknown, call.before, found.error().message};
  if ((*found)->volume_id != name_of(call.key.volume))
    return {Standing::Partial, call.before, "attachment " + attachment + " is of another volume"};
  return probe_tag(call, **found);
}

Finding Reserve::probe_tag(const Call& call, const Attachment& attachment) {
  const auto volume = parts_.api.volume(attachment.volume_id, patience_of(call));
  if (!volume.ok()) return {Standing::Unknown, call.before, volume.error().message};
  auto facts = facts_of(call, attachment);
  if (owner_of(*volume, attachment.id) != owner(call))
    return {fact(call.before, kTaggedFact).empty() ? Standing::Partial : Standing::Stale, std::move(facts),
            "the volume's metadata does not say whose attachment " + attachment.id + " is"};
  facts[kTaggedFact] = "true";
  return {Standing::Up, std::move(facts), {}};
}

Survey Reserve::survey(Time deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (surveyed_at_ > lowered_at_ && Clock::now() - surveyed_at_ < kSurveyAge) return surveyed_;
  }
  const auto begun_at = Clock::now();
  const auto volumes = parts_.api.volumes({}, {deadline});
  const std::lock_guard lock(mutex_);
  if (!volumes.ok()) return unanswered();
  surveyed_at_ = begun_at;
  surveyed_.clear();
  for (const auto& volume : *volumes)
    for (const auto& [key, value] : volume.metadata) {
      const auto owner = owner_from(value);
      if (!key.starts_with(kTagPrefix) || !owner || owner->node != parts_.node || owner->daemon != parts_.daemon) continue;
      const auto attachment = key.substr(std::string_view(kTagPrefix).size());
      surveyed_.push_back({{VolumeId(parts_.backend + "/" + volume.id), owner->target},
                           kReserve,
                           {{kAttachmentFact, attachment}},
                           "Cinder's attachment " + attachment});
    }
  return surveyed_;
}

}  // namespace blockplug::cinder
