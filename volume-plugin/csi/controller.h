// SPDX-License-Identifier: Apache-2.0
#pragma once
// CSI's Controller service, which the sidecars call: volumes and snapshots come and go as orders of the Volume Manager. Only this
// folder's .cc files include it.
//
// ControllerPublish promises nothing that a node needs: the node itself holds the image. It is only looked whether the volume is
// there and free; and ControllerUnpublish is refused while the node still has it, unless Kubernetes says that the node is out of
// service: then it is fenced first.
#include <optional>

#include "volume-plugin/csi/call.h"
#include "volume-plugin/csi/capabilities.h"
#include "volume-plugin/csi/parameters.h"

namespace blockplug::csi {

class ControllerService : public v1::Controller::CallbackService {
 public:
  explicit ControllerService(const Parts& parts) : parts_(parts), calling_(parts) {}
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* CreateVolume(Context*, const v1::CreateVolumeRequest*, v1::CreateVolumeResponse*) override;
  Reactor* DeleteVolume(Context*, const v1::DeleteVolumeRequest*, v1::DeleteVolumeResponse*) override;
  Reactor* ControllerPublishVolume(Context*, const v1::ControllerPublishVolumeRequest*,
                                   v1::ControllerPublishVolumeResponse*) override;
  Reactor* ControllerUnpublishVolume(Context*, const v1::ControllerUnpublishVolumeRequest*,
                                     v1::ControllerUnpublishVolumeResponse*) override;
  Reactor* ValidateVolumeCapabilities(Context*, const v1::ValidateVolumeCapabilitiesRequest*,
                                      v1::ValidateVolumeCapabilitiesResponse*) override;
  Reactor* ListVolumes(Context*, const v1::ListVolumesRequest*, v1::ListVolumesResponse*) override;
  Reactor* GetCapacity(Context*, const v1::GetCapacityRequest*, v1::GetCapacityResponse*) override;
  Reactor* ControllerGetCapabilities(Context*, const v1::ControllerGetCapabilitiesRequest*,
                                     v1::ControllerGetCapabilitiesResponse*) override;
  Reactor* CreateSnapshot(Context*, const v1::CreateSnapshotRequest*, v1::CreateSnapshotResponse*) override;
  Reactor* DeleteSnapshot(Context*, const v1::DeleteSnapshotRequest*, v1::DeleteSnapshotResponse*) override;
  Reactor* ListSnapshots(Context*, const v1::ListSnapshotsRequest*, v1::ListSnapshotsResponse*) override;
  Reactor* GetSnapshot(Context*, const v1::GetSnapshotRequest*, v1::GetSnapshotResponse*) override;
  Reactor* ControllerExpandVolume(Context*, const v1::ControllerExpandVolumeRequest*, v1::ControllerExpandVolumeResponse*) override;
  Reactor* ControllerGetVolume(Context*, const v1::ControllerGetVolumeRequest*, v1::ControllerGetVolumeResponse*) override;
  Reactor* ControllerModifyVolume(Context*, const v1::ControllerModifyVolumeRequest*, v1::ControllerModifyVolumeResponse*) override;

 private:
  struct Creation;  // one call of CreateVolume
  using CreationPtr = std::shared_ptr<Creation>;
  Result<CreationPtr> creation(const CallPtr& call, const v1::CreateVolumeRequest& request, v1::CreateVolumeResponse* response);
  Status read_source(const v1::VolumeContentSource& source, Creation& creation) const;
  void find_source(const CreationPtr& creation);
  void choose_size(const CreationPtr& creation, std::int64_t source_bytes);
  void create(const CreationPtr& creation, std::int64_t size_bytes);
  void limit(const CreationPtr& creation, const VolumeInfo& made);
  void refuse(const Creation& creation, Error error) const;
  void answer(const CreationPtr& creation, const VolumeInfo& made) const;

  Status check_free_for(const VolumeInfo& info, const std::string& node, const Use& use) const;
  Status check_let_go(const VolumeInfo& info, const std::string& node, const std::string& more) const;
  struct LettingGo;  // one call of ControllerUnpublishVolume
  using LettingGoPtr = std::shared_ptr<const LettingGo>;
  void let_go(const LettingGoPtr& request);
  void ask_about(const LettingGoPtr& request, const VolumeInfo& info);
  void fence(const LettingGoPtr& request, const VolumeInfo& info);
  std::optional<Error> held_here(const VolumeId& volume) const;
  void make_snapshot(const CallPtr& call, const VolumeId& volume, const std::string& name, v1::CreateSnapshotResponse* response);
  void find_snapshots(const CallPtr& call, const std::string& volume,
                      std::function<void(std::vector<SnapshotDoor::Snapshot>)> next);
  v1::Volume message_of(const VolumeInfo& info) const;
  template <typename VolumeStatus>
  void tell_status(const VolumeInfo& info, VolumeStatus& status) const;

  const Parts& parts_;
  Calling calling_;
};

}  // namespace blockplug::csi
