// SPDX-License-Identifier: Apache-2.0
// Volumes and snapshots of the fake Cinder.
#include <algorithm>
#include <regex>

#include "tests/cinder/fake_cinder.h"

namespace blockplug::test::fake_cinder {
namespace {
using std::to_string;

CloudSnapshot& snapshot_of(CloudState& state, const std::string& id) {
  return find(state.snapshots, id, "Snapshot " + id + " could not be found.");
}

template <typename Thing>
void start(const CloudState& state, Thing& thing, const std::string& status, const std::string& end) {
  thing.next = {end.empty() ? thing.status : end, thing.size_gib, state.looks_until_settled};
  thing.status = status;
}
// `id`: of what is looked at; empty: all.
template <typename Things>
void settle(Things& things, const std::string& id) {
  for (auto entry = things.begin(); entry != things.end();) {
    auto& thing = entry->second;
    auto& [status, size_gib, looks] = thing.next;
    if (!status.empty() && (id.empty() || id == entry->first) && --looks <= 0) {
      thing.status = std::exchange(status, "");
      if (!thing.status.starts_with("error")) thing.size_gib = size_gib;
    }
    entry = thing.status == "deleted" ? things.erase(entry) : std::next(entry);
  }
}

json view_of(const CloudState& state, const std::string& id, const CloudVolume& volume) {
  json view = json::parse(R"({"updated_at": null, "description": null, "replication_status": null, "consistencygroup_id": null,
    "group_id": null, "service_uuid": null, "shared_targets": false, "user_id": "user-1", "attachments": []})");
  view.update({{"id", id}, {"name", or_null(volume.name)}, {"status", volume.status}, {"size", volume.size_gib}});
  view.update({{"volume_type", volume.type}, {"availability_zone", volume.zone}, {"created_at", volume.created}});
  view.update({{"snapshot_id", or_null(volume.snapshot_id)}, {"source_volid", or_null(volume.source_volume_id)}});
  view.update({{"encrypted", volume.is_encrypted}, {"multiattach", volume.is_multiattach}, {"metadata", volume.metadata}});
  view["bootable"] = volume.is_bootable ? "true" : "false";
  view["os-vol-tenant-attr:tenant_id"] = state.project_id;
  view["links"].push_back({{"rel", "self"}, {"href", state.url + "/volume/v3/" + state.project_id + "/volumes/" + id}});
  view["links"].push_back({{"rel", "bookmark"}, {"href", state.url + "/volume/" + state.project_id + "/volumes/" + id}});
  if (state.is_admin) view["os-vol-host-attr:host"] = volume.host;
  for (const auto& [attachment_id, each] : state.attachments) {
    if (each.volume_id != id || each.status != "attached") continue;
    json attached{{"id", id}, {"volume_id", id}, {"attachment_id", attachment_id}, {"server_id", or_null(each.instance)}};
    attached.update(
        {{"host_name", state.is_admin ? json(each.host) : json()}, {"device", each.device}, {"attached_at", each.attached}});
    view["attachments"].push_back(attached);
  }
  return view;
}

json view_of(const CloudState& state, const std::string& id, const CloudSnapshot& snapshot) {
  json view = json::parse(R"({"updated_at": null, "description": null, "group_snapshot_id": null, "user_id": "user-1",
    "os-extended-snapshot-attributes:progress": "100%"})");
  view.update({{"id", id}, {"name", or_null(snapshot.name)}, {"status", snapshot.status}, {"size", snapshot.size_gib}});
  view.update({{"volume_id", snapshot.volume_id}, {"created_at", snapshot.created}, {"metadata", snapshot.metadata}});
  view["os-extended-snapshot-attributes:project_id"] = state.project_id;
  return view;
}

Pairs metadata_in(const json& object) {
  static const std::regex kKeyFormat("[a-zA-Z0-9\\-_:. /]{1,255}");
  Pairs result;
  if (object.contains("metadata") && !object.at("metadata").is_null()) result = object.at("metadata").get<Pairs>();
  for (const auto& [key, value] : result)
    if (!std::regex_match(key, kKeyFormat) || value.size() > 255)
      refuse(400, "Invalid input for field/attribute metadata. Value: {'" + key + "': '" + value + "'}.");
  return result;
}

void check_gigabytes(const CloudState& state, std::int64_t more_gib) {
  std::int64_t used_gib = 0;
  for (const auto& [id, volume] : state.volumes) used_gib += is_ours(state, volume) ? volume.size_gib : 0;
  for (const auto& [id, snapshot] : state.snapshots) used_gib += snapshot.size_gib;
  if (state.gigabyte_quota < 0 || used_gib + more_gib <= state.gigabyte_quota) return;
  refuse(413, "VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested " +
                  to_string(more_gib) + "G, quota is " + to_string(state.gigabyte_quota) + "G and " + to_string(used_gib) +
                  "G has been consumed.");
}

CloudAnswer create_volume(Call& call) {
  CloudState& state = call.state;
  const json& asked = call.body.at("volume");
  CloudVolume volume{.name = text_in(asked, "name"), .type = state.default_type, .size_gib = 0, .metadata = metadata_in(asked)};
  if (volume.snapshot_id = text_in(asked, "snapshot_id"); !volume.snapshot_id.empty()) {
    const CloudSnapshot& snapshot = snapshot_of(state, volume.snapshot_id);
    if (snapshot.status != "available")
      refuse(400, "Invalid snapshot: Originating snapshot status must be one of 'available' values");
    volume.size_gib = snapshot.size_gib;
  } else if (volume.source_volume_id = text_in(asked, "source_volid"); !volume.source_volume_id.empty()) {
    const CloudVolume& source = volume_of(state, volume.source_volume_id);
    if (source.status != "available" && source.status != "in-use")
      refuse(400, "Invalid volume: Originating source volume status must be one of 'available, in-use' values");
    volume.size_gib = source.size_gib;
    volume.type = source.type;
  }
  const std::int64_t least_gib = std::max<std::int64_t>(volume.size_gib, 1);
  if (asked.contains("size") && !asked["size"].is_null()) volume.size_gib = asked["size"].get<std::int64_t>();
  if (volume.size_gib < least_gib)
    refuse(400, "Invalid input received: Volume size '" + to_string(volume.size_gib) +
                    "' must be an integer and greater than 0, and " + "cannot be smaller than the original size " +
                    to_string(least_gib) + "GB.");
  if (!text_in(asked, "volume_type").empty()) volume.type = text_in(asked, "volume_type");
  const CloudVolumeType& type = find(state.types, volume.type, "Volume type with name " + volume.type + " could not be found.");
  volume.is_multiattach = type.is_multiattach;
  volume.is_encrypted = type.is_encrypted;
  if (!text_in(asked, "availability_zone").empty()) volume.zone = text_in(asked, "availability_zone");
  const auto ours =
      std::count_if(state.volumes.begin(), state.volumes.end(), [&](auto& each) { return is_ours(state, each.second); });
  if (state.volume_quota >= 0 && ours >= state.volume_quota)
    refuse(413, "VolumeLimitExceeded: Maximum number of volumes allowed (" + to_string(state.volume_quota) +
                    ") exceeded for quota 'volumes'.");
  check_gigabytes(state, volume.size_gib);
  volume.created = now();
  start(state, volume, "creating", state.creating_ends);
  const std::string id = state.new_id();
  return answer_with(202, "volume", view_of(state, id, state.volumes[id] = volume));
}

CloudAnswer get_volume(Call& call) {
  settle(call.state.volumes, call.id);
  return answer_with(200, "volume", view_of(call.state, call.id, volume_of(call.state, call.id)));
}

CloudAnswer list_volumes(Call& call) {
  settle(call.state.volumes, "");
  Views views;
  for (const auto& [id, volume] : call.state.volumes)
    if (is_ours(call.state, volume)) views[{volume.created, id}] = view_of(call.state, id, volume);
  return page_of(call, "volumes", views, {"name", "status", "metadata", "bootable", "availability_zone", "size", "created_at"});
}

CloudAnswer delete_volume(Call& call) {
  CloudState& state = call.state;
  CloudVolume& volume = volume_of(state, call.id);
  const auto is_of_it = [&](const auto& each) { return each.second.volume_id == call.id; };
  if ((volume.status != "available" && !volume.status.starts_with("error")) ||
      std::any_of(state.attachments.begin(), state.attachments.end(), is_of_it) ||
      std::any_of(state.snapshots.begin(), state.snapshots.end(), is_of_it))
    refuse(400,
           "Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and "
           "must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from "
           "snapshots after volume transfer.");
  start(state, volume, "deleting", state.deleting_ends);
  return {.status = 202};
}

CloudAnswer extend_volume(Call& call) {
  CloudVolume& volume = volume_of(call.state, call.id);
  const auto size_gib = call.body.at("os-extend").at("new_size").get<std::int64_t>();
  if (size_gib <= volume.size_gib)
    refuse(400, "Invalid input received: New size for extend must be greater than current size. (current: " +
                    to_string(volume.size_gib) + ", extended: " + to_string(size_gib) + ").");
  if (volume.status != "available" && (volume.status != "in-use" || call.minor < 42))
    refuse(400, "Invalid volume: Volume " + call.id + " status must be '{'status': 'available'}' to extend, currently " +
                    volume.status + ".");
  check_gigabytes(call.state, size_gib - volume.size_gib);
  start(call.state, volume, "extending", call.state.extending_ends);
  volume.next.size_gib = size_gib;
  return {.status = 202};
}

CloudAnswer get_metadata(Call& call) { return answer_with(200, "metadata", volume_of(call.state, call.id).metadata); }

CloudAnswer add_metadata(Call& call) {
  CloudVolume& volume = volume_of(call.state, call.id);
  for (const auto& [key, value] : metadata_in(call.body)) volume.metadata[key] = value;
  return get_metadata(call);
}

CloudAnswer delete_metadata(Call& call) {
  if (volume_of(call.state, call.id).metadata.erase(call.key) == 0)
    refuse(404, "Volume " + call.id + " has no metadata with key " + call.key + ".");
  return {};
}

// --- Snapshots ---

CloudAnswer create_snapshot(Call& call) {
  const json& asked = call.body.at("snapshot");
  CloudSnapshot snapshot{.name = text_in(asked, "name"), .volume_id = asked.at("volume_id"), .metadata = metadata_in(asked)};
  const CloudVolume& volume = volume_of(call.state, snapshot.volume_id);
  if (call.minor >= 66 && !asked.value("force", true))
    refuse(400, "Since microversion 3.66 the 'force' flag is invalid for this request.");
  const bool may_be_in_use = call.minor >= 66 || asked.value("force", false);
  if (volume.status != "available" && (volume.status != "in-use" || !may_be_in_use))
    refuse(400, "Invalid volume: Volume " + snapshot.volume_id + " status must be available" + (may_be_in_use ? ", in-use" : "") +
                    ", but current status is: " + volume.status + ".");
  snapshot.size_gib = volume.size_gib;
  check_gigabytes(call.state, snapshot.size_gib);
  snapshot.created = now();
  start(call.state, snapshot, "creating", call.state.creating_ends);
  const std::string id = call.state.new_id();
  return answer_with(202, "snapshot", view_of(call.state, id, call.state.snapshots[id] = snapshot));
}

CloudAnswer get_snapshot(Call& call) {
  settle(call.state.snapshots, call.id);
  return answer_with(200, "snapshot", view_of(call.state, call.id, snapshot_of(call.state, call.id)));
}

CloudAnswer list_snapshots(Call& call) {
  settle(call.state.snapshots, "");
  Views views;
  for (const auto& [id, each] : call.state.snapshots) views[{each.created, id}] = view_of(call.state, id, each);
  return page_of(call, "snapshots", views, {"name", "status", "volume_id", "metadata"});
}

CloudAnswer delete_snapshot(Call& call) {
  CloudSnapshot& snapshot = snapshot_of(call.state, call.id);
  if (snapshot.status != "available" && snapshot.status != "error")
    refuse(400, "Invalid snapshot: Snapshot status must be available or error and must not be part of a group.");
  start(call.state, snapshot, "deleting", call.state.deleting_ends);
  return {.status = 202};
}

}  // namespace

Operations volume_operations() {
  return {
      {"POST /volumes", {0, create_volume}},
      {"GET /volumes/detail", {0, list_volumes}},
      {"GET /volumes/{id}", {0, get_volume}},
      {"DELETE /volumes/{id}", {0, delete_volume}},
      {"POST /volumes/{id}/action os-extend", {0, extend_volume}},
      {"GET /volumes/{id}/metadata", {0, get_metadata}},
      {"POST /volumes/{id}/metadata", {0, add_metadata}},
      {"DELETE /volumes/{id}/metadata/{key}", {0, delete_metadata}},
      {"POST /snapshots", {0, create_snapshot}},
      {"GET /snapshots/detail", {0, list_snapshots}},
      {"GET /snapshots/{id}", {0, get_snapshot}},
      {"DELETE /snapshots/{id}", {0, delete_snapshot}},
  };
}

}  // namespace blockplug::test::fake_cinder
