// SPDX-License-Identifier: Apache-2.0
#include "cinder/backend.h"

#include <algorithm>
#include <cctype>
#include <ctime>
#include <iomanip>
#include <sstream>

#include "attach-detach/printable.h"
#include "attach-detach/roles.h"
#include "cinder/lower_case.h"
#include "cinder/tags.h"

namespace blockplug::cinder {
namespace {
constexpr std::chrono::seconds kLookLimit{20};  // of what people wait for
constexpr std::size_t kLongestName = 255;
constexpr const char* kVictimsFact = "cinder.victims";  // ids of attachments, with spaces between them

WallClock::time_point time_from(const std::string& text) {  // "2026-11-29T12:00:00.000000", in UTC
  std::tm date{};
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  if (!(in >> std::get_time(&date, "%Y-%m-%dT%H:%M:%S"))) return {};
  return WallClock::from_time_t(::timegm(&date));
}

Patience look() { return {Clock::now() + kLookLimit}; }
}  // namespace

std::int64_t gib_for(std::int64_t size_bytes) { return (size_bytes + kGib - 1) / kGib; }

bool is_uuid(const std::string& text) {
  constexpr std::size_t kLength = 36;
  const auto is_dash = [](std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; };
  if (text.size() != kLength) return false;
  const auto is_digit = [](char letter) { return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f'); };
  for (std::size_t at = 0; at < kLength; ++at)
    if (is_dash(at) ? text[at] != '-' : !is_digit(text[at])) return false;
  return true;
}

Status CinderBackend::check_name(const std::string& name) const {
  const auto is_bad = [](unsigned char letter) { return letter < 0x20 || letter == 0x7f || letter == '/' || letter == '@'; };
  if (!name.empty() && name.size() <= kLongestName && std::ranges::none_of(name, is_bad)) return Ok{};
  return no_effect(Code::InvalidArgument,
                   "it is not a valid name for a cinder volume: use its id, or a name of 1 to 255 bytes without '/' and '@'");
}

Result<Volume> CinderBackend::volume_of(const std::string& id_or_name, const Patience& patience) {
  // Also in capitals, which Cinder takes: its answer has the id as it is.
  const auto lower = lower_case(id_or_name);
  if (is_uuid(lower)) {
    auto volume = api_.volume(lower, patience);
    if (!volume.ok() && volume.error().code == Code::NotFound)
      volume.error().message = "the project has no volume with this id: " + volume.error().message;
    return volume;
  }
  auto found = TRY(api_.volumes({.name = id_or_name, .metadata_key = {}, .metadata_value = {}}, patience));
  std::erase_if(found, [&](const Volume& volume) { return volume.name != id_or_name; });  // MySQL finds "Data", too
  if (found.empty()) return no_effect(Code::NotFound, "the project has no volume named '" + printable(id_or_name) + "'");
  if (found.size() == 1) return std::move(found.front());
  std::string ids;
  for (const auto& each : found) ids += (ids.empty() ? "" : ", ") + each.id;
  return no_effect(Code::FailedPrecondition,
                   "the project has several volumes named '" + printable(id_or_name) + "': use the id of one: " + ids);
}

VolumeInfo CinderBackend::info_of(const Volume& volume) const {
  VolumeInfo info{.id = VolumeId(name_ + "/" + volume.id),
                  .size_bytes = volume.size_gib * kGib,
                  .image = {},
                  .created = time_from(volume.created),
                  .details = {}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) info.details[name] = value;
  };
  add("name", volume.name);
  add("status", volume.status);
  add("type", volume.type);
  add("zone", volume.zone);
  add("host", volume.host);
  add(kCallersName, fact(volume.metadata, kNameKey));
  if (volume.is_encrypted) add("encrypted", "true");
  if (volume.is_multiattach) add("multiattach", "true");
  if (volume.is_bootable) add("bootable", "true");
  add("source snapshot", volume.source_snapshot);
  add("source volume", volume.source_volume);
  if (!volume.metadata.contains(kCreatedKey)) add("managed", "false");
  for (const auto& [key, value] : volume.metadata)
    if (key.starts_with(kTagPrefix))
      info.details["attachment " + key.substr(std::string_view(kTagPrefix).size())] = printable(value);
  for (const auto& each : volume.attachments)
    if (!owner_of(volume, each.id))
      info.details["attachment " + each.id] = each.server.empty() ? "not made by Blockplug" : "Nova server " + each.server;
  return info;
}

Result<VolumeInfo> CinderBackend::find(const VolumeId& volume) {
  const auto patience = look();
  const auto found = TRY(volume_of(name_of(volume), patience));
  auto info = info_of(found);
  add_holders(info, found, patience);
  return info;
}

// As the hold on the image says; what is neither attached nor tagged is not looked at, as attaches wait for this.
void CinderBackend::add_holders(VolumeInfo& info, const Volume& volume, const Patience& patience) {
  const bool has_tags = std::ranges::any_of(volume.metadata, [](const auto& entry) { return entry.first.starts_with(kTagPrefix); });
  if (volume.status == "available" && !has_tags) return;
  const auto attachments = api_.attachments(volume.id, patience);
  const auto held = storage_.look(image_of(volume, attachments.ok() ? *attachments : std::vector<Attachment>{}, patience));
  if (!held.ok()) {
    if (held.error().code != Code::NotFound) info.details["hold"] = "cannot be read: " + held.error().message;
    return;
  }
  info.holders = held->holders;
  info.watchers = held->watchers;
  for (const auto* name : {"hold", kFencedFrom, "locked"})
    if (const auto value = fact(held->details, name); !value.empty()) info.details[name] = value;
}

// Cinder tells it in an attachment that is connected. A volume that was migrated has an image of another name.
CinderBackend::Image CinderBackend::image_of(const Volume& volume, const std::vector<Attachment>& attachments,
                                             const Patience& patience) {
  for (const auto& each : attachments) {
    const auto full = api_.attachment(each.id, patience);
    if (full.ok() && full->connection && !full->connection->image.empty()) return {full->connection->pool, full->connection->image};
  }
  return {"", "volume-" + volume.id};
}

std::vector<BackendCheck> CinderBackend::check() {
  BackendCheck check{.name = "cloud of '" + name_ + "'", .is_ok = false, .found = {}, .remedy = {}};
  const auto login = api_.session().login(look());
  const auto listed = login.ok() ? list() : Result<std::vector<VolumeInfo>>(login.error());
  if (!listed.ok()) {
    check.found = listed.error().message;
    check.remedy = "see cinder.md: credentials in clouds.yaml, endpoint, certificate, and the role member in the project";
    return {check};
  }
  const auto& it = **login;
  check.is_ok = true;
  check.found = it.credentials.source + ": " +
                (it.token.project_name.empty() ? "" : "project " + printable(it.token.project_name) + ", ") + "volume API " +
                to_text(it.version) + " at " + it.endpoint + ", " + std::to_string(listed->size()) +
                " volumes created by Blockplug";
  if (!it.credentials.is_verified && it.endpoint.starts_with("https:")) check.found += "; certificates are not verified";
  return {check};
}

Result<std::vector<VolumeInfo>> CinderBackend::list() {
  const VolumeFilter ours{.name = {}, .metadata_key = kCreatedKey, .metadata_value = kCreatedValue};
  std::vector<VolumeInfo> all;
  for (const auto& volume : TRY(api_.volumes(ours, look()))) all.push_back(info_of(volume));
  std::ranges::sort(all, {}, &VolumeInfo::id);
  return all;
}

Result<std::vector<SnapshotInfo>> CinderBackend::snapshots(const VolumeId& volume) {
  const auto patience = look();
  const auto found = TRY(volume_of(name_of(volume), patience));
  std::vector<SnapshotInfo> all;
  for (const auto& each : TRY(api_.snapshots(found.id, patience)))
    all.push_back({.name = each.name.empty() ? each.id : each.name,
                   .size_bytes = each.size_gib * kGib,
                   .created = time_from(each.created),
                   .clones = {},
                   .is_ready = each.status == "available"});
  std::ranges::sort(all, {}, &SnapshotInfo::created);
  return all;
}

// Which image, and the attachments of the nodes that have it now; kept, so that a further attempt leaves newer ones alone.
Result<Facts> CinderBackend::victims_of(const OrderCall& call, const Patience& patience) {
  if (call.before.contains(kVictimsFact)) return call.before;
  const auto volume = TRY(volume_of(name_of(call.order.volume), patience));
  const auto attachments = TRY(api_.attachments(volume.id, patience));
  const auto image = image_of(volume, attachments, patience);
  std::string victims;
  const auto only_node = fact(call.order.arguments, "node");
  for (const auto& each : attachments)
    if (const auto owner = owner_of(volume, each.id); owner && (only_node.empty() || owner->node == only_node))
      victims += (victims.empty() ? "" : " ") + each.id;
  Facts facts{{kVictimsFact, victims}, {roles::kImagePool, image.pool}, {roles::kImageName, image.name}};
  TRY(call.journal.keep(facts));
  return facts;
}

// The attachments of the fenced nodes go too: nothing uses the volume by them any more.
Attempt CinderBackend::fence(const OrderCall& call) {
  const Patience patience{call.deadline, call.stop};
  const auto facts = victims_of(call, patience);
  if (!facts.ok()) return facts.error();
  auto fenced = storage_.fence(call, {fact(*facts, roles::kImagePool), fact(*facts, roles::kImageName)});
  if (!fenced.ok()) return fenced.error();
  const auto volume = name_of(call.order.volume);
  std::istringstream victims(fact(*facts, kVictimsFact));
  for (std::string each; victims >> each;) {
    auto released = api_.release(each, patience);
    if (released.ok() || released.error().code == Code::NotFound) released = api_.remove_metadata(volume, tag_key(each), patience);
    if (!released.ok() && released.error().code != Code::NotFound)
      return maybe_effect(released.error().code, "its clients are fenced; " + released.error().message);
  }
  return Done{std::move(*fenced)};
}

Attempt CinderBackend::perform(const OrderCall& call) {
  switch (call.order.kind) {
    case OrderKind::Create:
    case OrderKind::Clone: return create(call);
    case OrderKind::Snapshot: return snapshot(call);
    case OrderKind::Resize: return resize(call);
    case OrderKind::Delete: return remove(call);
    case OrderKind::Fence: return fence(call);
    case OrderKind::Modify:
      return no_effect(
          Code::Unimplemented,
          "limits of a cinder volume are those of its type: change that with `openstack volume set --type`, and attach it "
          "again");
  }
  CHECK(!"an order of a known kind");
  return Done{};
}

}  // namespace blockplug::cinder
