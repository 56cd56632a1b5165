// SPDX-License-Identifier: Apache-2.0
// Snapshots.
#include <algorithm>

#include "volume-plugin/csi/controller.h"
#include "volume-plugin/csi/ids.h"
#include "volume-plugin/csi/listing.h"
#include "volume-plugin/csi/messages.h"
#include "volume-plugin/csi/names.h"
#include "volume-plugin/csi/status.h"

namespace blockplug::csi {
namespace {
using Snapshot = SnapshotDoor::Snapshot;

std::string id_of(const Snapshot& snapshot) { return snapshot.volume.str() + "@" + snapshot.info.name; }

Error of_another(const Snapshot& snapshot, const VolumeId& volume) {
  return no_effect(Code::AlreadyExists, "a snapshot of this name exists already, of " + snapshot.volume.str() + " and not of " +
                                            volume.str() + ": use another name");
}
}  // namespace

// CSI's names of snapshots are unique among all volumes; a backend's among those of one volume.
ControllerService::Reactor* ControllerService::CreateSnapshot(Context* context, const v1::CreateSnapshotRequest* request,
                                                              v1::CreateSnapshotResponse* response) {
  auto call = calling_.begin(*context, "CreateSnapshot", request->source_volume_id() + "@" + request->name());
  const auto volume = [&]() -> Result<VolumeId> {
    if (request->source_volume_id().empty()) return invalid("source_volume_id is empty");
    TRY(check_name(request->name(), "name"));
    TRY(check_no_secrets(request->secrets()));
    TRY(check_snapshot_parameters(request->parameters()));
    return check_form(parts_.door.backends(), request->source_volume_id());
  }();
  if (!passes(call, volume)) return call->reactor();
  const auto name = snapshot_name(request->name(), *volume);
  if (ends_with_uuid(request->name())) {
    make_snapshot(call, *volume, name, response);
    return call->reactor();
  }
  find_snapshots(call, {}, [this, call, volume = *volume, name, response](const std::vector<Snapshot>& all) {
    const auto other = std::ranges::find_if(all, [&](const auto& each) { return each.info.name == name && each.volume != volume; });
    if (other != all.end()) return call->finish(of_another(*other, volume));
    make_snapshot(call, volume, name, response);
  });
  return call->reactor();
}

void ControllerService::make_snapshot(const CallPtr& call, const VolumeId& volume, const std::string& name,
                                      v1::CreateSnapshotResponse* response) {
  const auto made = [call, response](const Result<Snapshot>& snapshot) {
    if (snapshot.ok()) return call->finish_with([&] { *response->mutable_snapshot() = to_message(*snapshot); });
    call->finish(snapshot.error());
  };
  call->waits_for(parts_.door.snapshots().create(volume.str(), name, call->operation, call->deadline, made));
}

ControllerService::Reactor* ControllerService::DeleteSnapshot(Context* context, const v1::DeleteSnapshotRequest* request,
                                                              v1::DeleteSnapshotResponse*) {
  auto call = calling_.begin(*context, "DeleteSnapshot", request->snapshot_id());
  const auto checked =
      request->snapshot_id().empty() ? Status(invalid("snapshot_id is empty")) : check_no_secrets(request->secrets());
  if (!passes(call, checked)) return call->reactor();
  if (const auto form = check_snapshot_form(parts_.door.backends(), request->snapshot_id()); !form.ok()) {
    call->finish(form.error().code == Code::NotFound ? Status(Ok{}) : form.error());
    return call->reactor();
  }
  call->waits_for(parts_.door.snapshots().remove(request->snapshot_id(), call->operation, call->deadline,
                                                 [call](const Status& gone) { call->finish(gone); }));
  return call->reactor();
}

// Empty: of all volumes. A volume that is gone has none.
void ControllerService::find_snapshots(const CallPtr& call, const std::string& volume,
                                       std::function<void(std::vector<Snapshot>)> next) {
  parts_.door.snapshots().list(volume, [call, next = std::move(next)](const Result<SnapshotDoor::Listing>& listing) {
    if (!listing.ok() && listing.error().code == Code::NotFound) return next({});
    if (!listing.ok()) return call->finish(listing.error());
    if (!listing->problems.empty()) return call->finish(no_effect(Code::Unavailable, listing->problems.front()));
    next(listing->snapshots);
  });
}

ControllerService::Reactor* ControllerService::ListSnapshots(Context* context, const v1::ListSnapshotsRequest* request,
                                                             v1::ListSnapshotsResponse* response) {
  auto call = calling_.begin(*context, "ListSnapshots", request->source_volume_id());
  const auto& backends = parts_.door.backends();
  const auto checked = [&]() -> Status {
    TRY(check_no_secrets(request->secrets()));
    TRY(page_of(std::vector<Snapshot>{}, request->max_entries(), request->starting_token(), id_of));
    return Ok{};
  }();
  if (!passes(call, checked)) return call->reactor();
  const auto snapshot = check_snapshot_form(backends, request->snapshot_id());
  const auto volume = check_form(backends, request->source_volume_id());
  for (const auto& [id, form] : {std::pair(request->snapshot_id(), snapshot.ok() ? Status(Ok{}) : snapshot.error()),
                                 std::pair(request->source_volume_id(), volume.ok() ? Status(Ok{}) : volume.error())}) {
    if (id.empty() || form.ok()) continue;
    call->finish(form.error().code == Code::NotFound ? Status(Ok{}) : form.error());  // of what cannot be there are none
    return call->reactor();
  }
  const auto of_volume = !request->snapshot_id().empty() ? snapshot->volume : request->source_volume_id();
  find_snapshots(call, of_volume, [call, response, request = *request](std::vector<Snapshot> all) {
    std::erase_if(all, [&](const Snapshot& each) {
      return (!request.snapshot_id().empty() && id_of(each) != request.snapshot_id()) ||
             (!request.source_volume_id().empty() && each.volume.str() != request.source_volume_id());
    });
    auto page = page_of(std::move(all), request.max_entries(), request.starting_token(), id_of);
    if (!page.ok()) return call->finish(page.error());
    call->finish_with([&] {
      for (const auto& each : page->entries) *response->add_entries()->mutable_snapshot() = to_message(each);
      response->set_next_token(page->next_token);
    });
  });
  return call->reactor();
}

ControllerService::Reactor* ControllerService::GetSnapshot(Context* context, const v1::GetSnapshotRequest* request,
                                                           v1::GetSnapshotResponse* response) {
  auto call = calling_.begin(*context, "GetSnapshot", request->snapshot_id());
  const auto form = request->snapshot_id().empty() ? Result<SnapshotId>(invalid("snapshot_id is empty"))
                                                   : check_snapshot_form(parts_.door.backends(), request->snapshot_id());
  if (!passes(call, form)) return call->reactor();
  find_snapshots(call, form->volume, [call, response, id = request->snapshot_id()](const std::vector<Snapshot>& all) {
    const auto found = std::ranges::find(all, id, id_of);
    if (found == all.end()) return call->finish(no_effect(Code::NotFound, "there is no snapshot " + printable(id)));
    call->finish_with([&] { *response->mutable_snapshot() = to_message(*found); });
  });
  return call->reactor();
}

}  // namespace blockplug::csi
