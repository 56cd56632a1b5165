// SPDX-License-Identifier: Apache-2.0
// Volumes and their snapshots.
#include "attach-detach/utf8.h"
#include "volume-plugin/admin/answers.h"
#include "volume-plugin/admin/convert.h"
#include "volume-plugin/admin/requests.h"
#include "volume-plugin/admin/service.h"

namespace blockplug::admin {
namespace {
std::function<void(Result<VolumeInfo>)> volume_answer(const std::shared_ptr<WaitingCall>& reactor, const std::string& node,
                                                      v1::Volume* response) {
  return answer_with<VolumeInfo>(reactor, [node, response](const VolumeInfo& info) { *response = to_message(info, node); });
}

std::string order_text(const Order& order) { return "order " + std::to_string(order.id) + " (" + to_text(order.kind) + ")"; }

std::optional<std::int64_t> if_said(bool is_said, std::int64_t value) { return is_said ? std::optional{value} : std::nullopt; }
}  // namespace

Service::Reactor* Service::CreateVolume(Context* context, const v1::CreateVolumeRequest* request, v1::Volume* response) {
  auto reactor = WaitingCall::make(parts_.door);
  VolumeDoor::Create wanted{request->name(),   request->backend(), request->size_bytes(), next_operation(),
                            request->source(), request->flatten(), request->type(),       request->zone()};
  if (wanted.source.empty()) {  // a copy is of its source's backend
    auto backend = backend_or_only(wanted.backend, parts_.door.backends());
    if (!backend.ok()) {
      reactor->finish(to_status(backend.error()));
      return reactor.get();
    }
    wanted.backend = std::move(*backend);
  }
  reactor->waits_for(parts_.door.volumes().create(wanted, deadline_of(*context), volume_answer(reactor, parts_.node, response)));
  return reactor.get();
}

Service::Reactor* Service::ListVolumes(Context*, const v1::ListVolumesRequest* request, v1::ListVolumesResponse* response) {
  auto reactor = WaitingCall::make(parts_.door);
  parts_.door.volumes().list(request->backend(), [this, reactor, response](const Result<VolumeDoor::Listing>& listing) {
    if (!listing.ok()) return reactor->finish(to_status(listing.error()));
    reactor->finish([&] {
      for (const auto& info : listing->volumes) *response->add_volumes() = to_message(info, parts_.node);
      for (const auto& problem : listing->problems) response->add_problems(as_utf8(problem));
    });
  });
  return reactor.get();
}

Service::Reactor* Service::GetVolume(Context*, const v1::GetVolumeRequest* request, v1::Volume* response) {
  auto reactor = WaitingCall::make(parts_.door);
  parts_.door.volumes().find(request->id(), [this, reactor, response](const Result<VolumeInfo>& info) {
    if (!info.ok()) return reactor->finish(to_status(info.error()));
    reactor->finish([&] {
      *response = to_message(*info, parts_.node);
      for (const auto& report : parts_.manager.of_volume(info->id)) *response->add_attachments() = to_message(report);
    });
  });
  return reactor.get();
}

Service::Reactor* Service::ExpandVolume(Context* context, const v1::ExpandVolumeRequest* request, v1::Volume* response) {
  auto reactor = WaitingCall::make(parts_.door);
  by_id(reactor, request->id(),
        [this, reactor, response, size_bytes = request->size_bytes(), deadline = deadline_of(*context)](const std::string& id) {
          reactor->waits_for(parts_.door.changes().expand(id, size_bytes, next_operation(), deadline,
                                                          volume_answer(reactor, parts_.node, response)));
        });
  return reactor.get();
}

Service::Reactor* Service::DeleteVolume(Context* context, const v1::DeleteVolumeRequest* request, v1::DeleteVolumeResponse*) {
  auto reactor = WaitingCall::make(parts_.door);
  by_id(reactor, request->id(), [this, reactor, asked = request->id(), deadline = deadline_of(*context)](const std::string& id) {
    const auto named = id == asked ? VolumeDoor::NamedBy::Id : VolumeDoor::NamedBy::Name;
    reactor->waits_for(parts_.door.volumes().remove(id, next_operation(), deadline, status_answer(reactor), named));
  });
  return reactor.get();
}

Service::Reactor* Service::ModifyVolume(Context* context, const v1::ModifyVolumeRequest* request, v1::Volume* response) {
  auto reactor = WaitingCall::make(parts_.door);
  ChangeDoor::Modify wanted{request->id(), if_said(request->has_iops(), request->iops()),
                            if_said(request->has_bytes_per_second(), request->bytes_per_second()), next_operation()};
  by_id(reactor, request->id(), [this, reactor, response, wanted, deadline = deadline_of(*context)](const std::string& id) mutable {
    wanted.volume = id;
    reactor->waits_for(parts_.door.changes().modify(wanted, deadline, volume_answer(reactor, parts_.node, response)));
  });
  return reactor.get();
}

Service::Reactor* Service::FenceVolume(Context* context, const v1::FenceVolumeRequest* request, v1::FenceVolumeResponse* response) {
  auto reactor = WaitingCall::make(parts_.door);
  const auto fill = [response](const std::vector<std::string>& clients) {
    for (const auto& client : clients) response->add_fenced(as_utf8(client));
  };
  by_id(reactor, request->id(),
        [this, reactor, fill, whole_node = request->whole_node(), node = request->node(),
         deadline = deadline_of(*context)](const std::string& id) {
          reactor->waits_for(parts_.door.changes().fence({id, whole_node, next_operation(), node}, deadline,
                                                         answer_with<std::vector<std::string>>(reactor, fill)));
        });
  return reactor.get();
}

Service::Reactor* Service::CancelOrders(Context* context, const v1::CancelOrdersRequest* request,
                                        v1::CancelOrdersResponse* response) {
  auto reactor = WaitingCall::make(parts_.door);
  const auto fill = [response](const CancelledOrders& orders) {
    for (const auto& order : orders.cancelled) response->add_cancelled(order_text(order));
    for (const auto& order : orders.begun) response->add_begun(order_text(order));
  };
  // An order to create a volume is one of its name.
  reactor->waits_for(
      parts_.door.changes().cancel_orders(request->id(), deadline_of(*context), answer_with<CancelledOrders>(reactor, fill)));
  return reactor.get();
}

Service::Reactor* Service::CreateSnapshot(Context* context, const v1::CreateSnapshotRequest* request, v1::Snapshot* response) {
  auto reactor = WaitingCall::make(parts_.door);
  const auto fill = [response](const SnapshotDoor::Snapshot& snapshot) { *response = to_message(snapshot); };
  by_id(reactor, request->volume(),
        [this, reactor, fill, name = request->name(), deadline = deadline_of(*context)](const std::string& id) {
          reactor->waits_for(parts_.door.snapshots().create(id, name, next_operation(), deadline,
                                                            answer_with<SnapshotDoor::Snapshot>(reactor, fill)));
        });
  return reactor.get();
}

Service::Reactor* Service::ListSnapshots(Context*, const v1::ListSnapshotsRequest* request, v1::ListSnapshotsResponse* response) {
  auto reactor = WaitingCall::make(parts_.door);
  const auto fill = [response](const SnapshotDoor::Listing& listing) {
    for (const auto& snapshot : listing.snapshots) *response->add_snapshots() = to_message(snapshot);
    for (const auto& problem : listing.problems) response->add_problems(as_utf8(problem));
  };
  by_id(reactor, request->volume(), [this, reactor, fill](const std::string& id) {
    parts_.door.snapshots().list(id, answer_with<SnapshotDoor::Listing>(reactor, fill));
  });
  return reactor.get();
}

Service::Reactor* Service::DeleteSnapshot(Context* context, const v1::DeleteSnapshotRequest* request, v1::DeleteSnapshotResponse*) {
  auto reactor = WaitingCall::make(parts_.door);
  const auto at = std::min(request->id().rfind('@'), request->id().size());
  by_id(reactor, request->id().substr(0, at),
        [this, reactor, name = request->id().substr(at), deadline = deadline_of(*context)](const std::string& volume) {
          reactor->waits_for(parts_.door.snapshots().remove(volume + name, next_operation(), deadline, status_answer(reactor)));
        });
  return reactor.get();
}

}  // namespace blockplug::admin
