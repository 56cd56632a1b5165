// SPDX-License-Identifier: Apache-2.0
// What CinderBackend changes. Cinder's names are not unique and its POST is not idempotent: a volume is created with a mark that
// only this order has, and is looked for by it before each further attempt.
#include <algorithm>

#include "attach-detach/number.h"
#include "attach-detach/printable.h"
#include "attach-detach/uuid.h"
#include "cinder/backend.h"
#include "cinder/lower_case.h"
#include "cinder/tags.h"

namespace blockplug::cinder {
namespace {
using std::chrono::milliseconds;
constexpr milliseconds kLookAgain{500};
constexpr const char* kCreationFact = "cinder.creation";  // the mark of this order's volume
constexpr const char* kAcceptedFact = "cinder.accepted";  // "true": Cinder has accepted the change, which is awaited

Patience patience_of(const OrderCall& call) { return {call.deadline, call.stop}; }

Attempt wait_for(const std::string& what) { return Waiting{what, Clock::now() + kLookAgain}; }

Done done(const Volume& volume) {
  return Done{{{"id", volume.id}, {"image", ""}, {"size_bytes", std::to_string(volume.size_gib * kGib)}}};
}

bool is_accepted(const OrderCall& call) { return !fact(call.before, kAcceptedFact).empty(); }

// What Cinder has accepted and then not done; it says why only in its messages.
Attempt not_done(const std::string& what, const std::string& status) {
  return no_effect(Code::FailedPrecondition, "Cinder did not " + what + " (its status is '" + printable(status) +
                                                 "' again): `openstack volume message list` says why, as do Cinder's logs");
}

Attempt accepted(const OrderCall& call, const Status& answer, const std::string& awaited) {
  if (!answer.ok() && answer.error().code != Code::NotFound) return answer.error();
  if (const auto kept = call.journal.keep({{kAcceptedFact, "true"}}); !kept.ok())
    return maybe_effect(kept.error().code, kept.error().message);
  return wait_for(awaited);
}

// Which of two volumes of one name is the volume: all see the same.
auto age_of(const Volume& volume) { return std::pair(volume.created, volume.id); }

Result<std::int64_t> gib_in(const Facts& arguments) {
  const auto size_bytes = number_from<std::int64_t>(fact(arguments, "size_bytes"));
  if (!size_bytes || *size_bytes <= 0) return no_effect(Code::InvalidArgument, "the size is not valid");
  return gib_for(*size_bytes);
}

std::string quoted(const std::string& name) { return "volume '" + printable(name) + "'"; }
}  // namespace

Result<Snapshot> CinderBackend::snapshot_of(const std::string& volume, const std::string& name, const Patience& patience) {
  std::vector<Snapshot> named;
  for (auto& each : TRY(api_.snapshots(volume, patience)))
    if (each.name == name || each.id == name) named.push_back(std::move(each));
  if (named.empty()) return no_effect(Code::NotFound, "the volume has no snapshot '" + printable(name) + "'");
  if (named.size() > 1)
    return no_effect(Code::FailedPrecondition, "the volume has several snapshots named '" + printable(name) + "': use an id");
  return std::move(named.front());
}

Result<NewVolume> CinderBackend::wanted_volume(const OrderCall& call) {
  const auto& arguments = call.order.arguments;
  NewVolume wanted{.name = name_of(call.order.volume),
                   .type = fact(arguments, "type"),
                   .zone = fact(arguments, "zone"),
                   .snapshot = {},
                   .source = {},
                   .metadata = {{kCreatedKey, kCreatedValue}}};
  if (const auto callers = fact(arguments, kCallersName); !callers.empty()) wanted.metadata[kNameKey] = callers;
  const auto source = fact(arguments, "source");
  if (source.empty()) {
    wanted.size_gib = TRY(gib_in(arguments));
    return wanted;
  }
  if (arguments.contains("flatten"))
    return no_effect(Code::Unimplemented, "flatten: Cinder decides itself when a copy is made independent; leave it out");
  const auto at = source.rfind('@');
  const auto parent = TRY(volume_of(source.substr(0, at), patience_of(call)));
  wanted.size_gib = parent.size_gib;
  if (at == std::string::npos) {
    wanted.source = parent.id;
  } else {
    const auto snapshot = TRY(snapshot_of(parent.id, source.substr(at + 1), patience_of(call)));
    wanted.snapshot = snapshot.id;
    wanted.size_gib = snapshot.size_gib;
  }
  if (!arguments.contains("size_bytes")) return wanted;
  const auto size_gib = TRY(gib_in(arguments));
  if (size_gib < wanted.size_gib)
    return no_effect(Code::OutOfRange,
                     "a copy cannot be smaller than its source, which has " + std::to_string(wanted.size_gib) + " GiB");
  wanted.size_gib = size_gib;
  return wanted;
}

Attempt CinderBackend::create(const OrderCall& call) {
  const auto name = name_of(call.order.volume);
  if (is_uuid(lower_case(name)))
    return no_effect(Code::InvalidArgument, quoted(name) + ": a name must not look like an id, which Cinder chooses itself");
  auto found = api_.volumes({.name = name, .metadata_key = {}, .metadata_value = {}}, patience_of(call));
  if (!found.ok()) return found.error();
  std::erase_if(*found, [&](const Volume& volume) { return volume.name != name; });  // MySQL finds "Data" for "data"
  std::ranges::sort(*found, {}, age_of);
  const auto mark = fact(call.before, kCreationFact);
  std::vector<Volume> marked, others;
  for (const auto& each : *found) {
    if (each.status == "deleting") return wait_for("Cinder deletes volume " + each.id + ", which has the same name");
    const bool is_marked = !mark.empty() && fact(each.metadata, kCreationKey) == mark;
    (is_marked ? marked : others).push_back(each);
  }
  if (!others.empty()) return join(call, others, marked);
  if (marked.empty()) return make(call);
  return created(call, marked);
}

// Somebody has a volume of this name. One that Blockplug created, here or on another node, is this volume if it is the older one.
Attempt CinderBackend::join(const OrderCall& call, const std::vector<Volume>& others, const std::vector<Volume>& marked) {
  const auto& other = others.front();
  if (!marked.empty() && age_of(marked.front()) < age_of(other)) return created(call, marked);
  if (!marked.empty() && !other.metadata.contains(kCreatedKey)) return created(call, marked);
  for (const auto& each : marked) {
    const auto removed = api_.remove(each.id, patience_of(call));
    if (!removed.ok() && removed.error().code != Code::NotFound) return removed.error();
  }
  if (others.size() > 1 || !other.metadata.contains(kCreatedKey))
    return no_effect(Code::AlreadyExists, quoted(other.name) + ": the project has a volume of this name already, " + other.id +
                                              (other.metadata.contains(kCreatedKey) ? "" : ", which Blockplug did not create") +
                                              ": use another name");
  const auto wanted = wanted_volume(call);
  if (!wanted.ok()) return wanted.error();
  if (other.status == "creating" || other.status == "downloading") return wait_for("Cinder creates the volume");
  if (other.status.starts_with("error"))
    return no_effect(Code::AlreadyExists, quoted(other.name) + " exists (" + other.id + ") with status '" +
                                              printable(other.status) + "': delete it, or use another name");
  const auto& source = wanted->snapshot.empty() ? wanted->source : wanted->snapshot;
  const auto& has_source = wanted->snapshot.empty() ? other.source_volume : other.source_snapshot;
  const bool is_other_type = !wanted->type.empty() && wanted->type != other.type;
  if (other.size_gib == wanted->size_gib && source == has_source && !is_other_type) return done(other);
  return no_effect(Code::AlreadyExists, quoted(other.name) + " already exists (" + other.id + ") with " +
                                            std::to_string(other.size_gib) + " GiB, type '" + printable(other.type) + "'" +
                                            (has_source.empty() ? "" : ", created from " + has_source) +
                                            ": expand it, or use another name");
}

Attempt CinderBackend::make(const OrderCall& call) {
  auto wanted = wanted_volume(call);
  if (!wanted.ok()) return wanted.error();
  auto mark = fact(call.before, kCreationFact);
  if (mark.empty()) {
    mark = new_uuid();
    if (const auto kept = call.journal.keep({{kCreationFact, mark}}); !kept.ok()) return kept.error();
  }
  wanted->metadata[kCreationKey] = mark;
  // Not given up for a newer request: that would leave a volume behind.
  const auto made = api_.create(*wanted, {call.deadline});
  if (!made.ok()) return made.error();
  return wait_for("Cinder creates the volume");
}

// The volumes that this order made, the oldest first. Where there are two, the answer to a POST was lost, and it took effect after
// it had been repeated: nobody knows the second one.
Attempt CinderBackend::created(const OrderCall& call, const std::vector<Volume>& marked) {
  const auto remove = [&](const Volume& volume) -> Status {
    const auto removed = api_.remove(volume.id, patience_of(call));
    if (!removed.ok() && removed.error().code != Code::NotFound) return removed.error();
    return Ok{};
  };
  for (std::size_t index = 1; index < marked.size(); ++index)
    if (const auto removed = remove(marked[index]); !removed.ok()) return removed.error();
  const auto& volume = marked.front();
  if (volume.status == "creating" || volume.status == "downloading") return wait_for("Cinder creates the volume");
  const bool is_broken = volume.status.starts_with("error");
  if (!is_broken && !volume.is_encrypted) return done(volume);
  if (const auto removed = remove(volume); !removed.ok()) return removed.error();
  if (is_broken)
    return no_effect(Code::FailedPrecondition,
                     quoted(volume.name) + ": Cinder could not create it (status '" + printable(volume.status) +
                         "'): `openstack volume message list` says why, as does the log of cinder-scheduler");
  return no_effect(Code::FailedPrecondition, quoted(volume.name) + ": its type '" + printable(volume.type) +
                                                 "' is encrypted, which is not supported: give another one with --type");
}

Attempt CinderBackend::resize(const OrderCall& call) {
  const auto size_gib = gib_in(call.order.arguments);
  if (!size_gib.ok()) return size_gib.error();
  const auto volume = volume_of(name_of(call.order.volume), patience_of(call));
  if (!volume.ok()) return volume.error();
  if (volume->status == "extending") return wait_for("Cinder extends the volume");
  if (*size_gib == volume->size_gib) return done(*volume);
  if (*size_gib < volume->size_gib)
    return no_effect(Code::OutOfRange, "it cannot shrink from " + std::to_string(volume->size_gib) + " to " +
                                           std::to_string(*size_gib) + " GiB: that would lose data");
  if (volume->status == "error_extending")
    return no_effect(
        Code::FailedPrecondition,
        "Cinder could not extend it (status 'error_extending'): `openstack volume message list` says why; once that is "
        "mended, an administrator sets it right with `openstack volume set --state`");
  if (is_accepted(call)) return not_done("extend it", volume->status);
  return accepted(call, api_.extend(volume->id, *size_gib, patience_of(call)), "Cinder extends the volume");
}

Attempt CinderBackend::remove(const OrderCall& call) {
  const auto volume = volume_of(name_of(call.order.volume), patience_of(call));
  if (!volume.ok() && volume.error().code == Code::NotFound) return Done{{{"image", ""}}};
  if (!volume.ok()) return volume.error();
  if (volume->status == "deleting") return wait_for("Cinder deletes the volume");
  if (is_accepted(call)) return not_done("delete it", volume->status);
  return accepted(call, api_.remove(volume->id, patience_of(call)), "Cinder deletes the volume");
}

Attempt CinderBackend::snapshot(const OrderCall& call) {
  const auto name = fact(call.order.arguments, "snapshot");
  const auto volume = volume_of(name_of(call.order.volume), patience_of(call));
  if (!volume.ok()) return volume.error();
  if (call.order.arguments.contains("delete")) return remove_snapshot(call, volume->id, name);
  const auto found = snapshot_of(volume->id, name, patience_of(call));
  if (!found.ok() && found.error().code != Code::NotFound) return found.error();
  if (!found.ok()) {
    const auto made = api_.create_snapshot(volume->id, name, patience_of(call));
    if (!made.ok()) return made.error();
    return wait_for("Cinder creates the snapshot");
  }
  if (found->status == "creating") return wait_for("Cinder creates the snapshot");
  if (found->status == "available" || found->status == "backing-up") return done(*volume);
  return no_effect(Code::FailedPrecondition, "snapshot '" + printable(name) + "' has status '" + printable(found->status) +
                                                 "' in Cinder: delete it, and create it again");
}

Attempt CinderBackend::remove_snapshot(const OrderCall& call, const std::string& volume, const std::string& name) {
  const auto found = snapshot_of(volume, name, patience_of(call));
  if (!found.ok() && found.error().code == Code::NotFound) return Done{};
  if (!found.ok()) return found.error();
  if (found->status == "deleting") return wait_for("Cinder deletes the snapshot");
  if (is_accepted(call)) return not_done("delete the snapshot, which volumes created from it may depend on", found->status);
  return accepted(call, api_.remove_snapshot(found->id, patience_of(call)), "Cinder deletes the snapshot");
}

}  // namespace blockplug::cinder
