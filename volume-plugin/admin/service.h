// SPDX-License-Identifier: Apache-2.0
#pragma once
// The admin service's methods. Only this folder's .cc files include it: gRPC headers take a minute to compile.
#include <atomic>
#include <memory>
#include <set>

#include "volume-plugin/admin/admin.grpc.pb.h"
#include "volume-plugin/admin/server.h"

namespace blockplug {
class WaitingCall;
}

namespace blockplug::admin {

class WatchReactor;

class Service : public v1::Admin::CallbackService {
 public:
  explicit Service(AdminServer::Parts parts) : parts_(std::move(parts)) {}
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* GetVersion(Context*, const v1::GetVersionRequest*, v1::GetVersionResponse*) override;
  Reactor* CreateVolume(Context*, const v1::CreateVolumeRequest*, v1::Volume*) override;
  Reactor* ListVolumes(Context*, const v1::ListVolumesRequest*, v1::ListVolumesResponse*) override;
  Reactor* GetVolume(Context*, const v1::GetVolumeRequest*, v1::Volume*) override;
  Reactor* ExpandVolume(Context*, const v1::ExpandVolumeRequest*, v1::Volume*) override;
  Reactor* DeleteVolume(Context*, const v1::DeleteVolumeRequest*, v1::DeleteVolumeResponse*) override;
  Reactor* ModifyVolume(Context*, const v1::ModifyVolumeRequest*, v1::Volume*) override;
  Reactor* FenceVolume(Context*, const v1::FenceVolumeRequest*, v1::FenceVolumeResponse*) override;
  Reactor* CancelOrders(Context*, const v1::CancelOrdersRequest*, v1::CancelOrdersResponse*) override;
  Reactor* CreateSnapshot(Context*, const v1::CreateSnapshotRequest*, v1::Snapshot*) override;
  Reactor* ListSnapshots(Context*, const v1::ListSnapshotsRequest*, v1::ListSnapshotsResponse*) override;
  Reactor* DeleteSnapshot(Context*, const v1::DeleteSnapshotRequest*, v1::DeleteSnapshotResponse*) override;
  Reactor* Attach(Context*, const v1::AttachRequest*, v1::Attachment*) override;
  Reactor* Detach(Context*, const v1::DetachRequest*, v1::DetachResponse*) override;
  Reactor* ListAttachments(Context*, const v1::ListAttachmentsRequest*, v1::ListAttachmentsResponse*) override;
  Reactor* Explain(Context*, const v1::ExplainRequest*, v1::ExplainResponse*) override;
  grpc::ServerWriteReactor<v1::WatchEvent>* Watch(Context*, const v1::WatchRequest*) override;
  Reactor* Plan(Context*, const v1::PlanRequest*, v1::PlanResponse*) override;
  Reactor* Queue(Context*, const v1::QueueRequest*, v1::QueueResponse*) override;
  Reactor* ListVms(Context*, const v1::ListVmsRequest*, v1::ListVmsResponse*) override;
  Reactor* Repair(Context*, const v1::RepairRequest*, v1::RepairResponse*) override;
  Reactor* Doctor(Context*, const v1::DoctorRequest*, v1::DoctorResponse*) override;

  void changed(const VolumeId& volume);  // core thread

 private:
  // Calls `next` with the id of the volume that `text` names; a failure ends the call. `next` may run later, when the request and
  // the context are gone.
  void by_id(const std::shared_ptr<WaitingCall>& reactor, const std::string& text, std::function<void(const std::string&)> next);
  void explain(const std::shared_ptr<WaitingCall>& reactor, v1::ExplainResponse* response, const std::string& id);
  void detach_wherever_it_is(const std::shared_ptr<WaitingCall>& reactor, const WantedDetachment& wanted,
                             std::function<void(const WantedDetachment&)> detach);
  std::string next_operation() { return "admin-" + std::to_string(++operations_); }
  AdminServer::Parts parts_;
  std::atomic<std::uint64_t> operations_{};
  std::set<std::shared_ptr<WatchReactor>> watchers_;  // core thread only
};

}  // namespace blockplug::admin
