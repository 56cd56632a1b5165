// SPDX-License-Identifier: Apache-2.0
#pragma once
// CSI's Node service, which kubelet calls: each call edits what is desired at the target "host", or in the pod's VM, and waits for
// the world. Only this folder's .cc files include it.
//
// Kubelet forgets what a call that raises was about when it gets a final code. So it gets one only when nothing of it is left; any
// error of a call that lowers means: still there.
#include "volume-plugin/csi/call.h"
#include "volume-plugin/door/requests.h"

namespace blockplug::csi {

class NodeService : public v1::Node::CallbackService {
 public:
  explicit NodeService(const Parts& parts) : parts_(parts), calling_(parts) {}
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* NodeStageVolume(Context*, const v1::NodeStageVolumeRequest*, v1::NodeStageVolumeResponse*) override;
  Reactor* NodeUnstageVolume(Context*, const v1::NodeUnstageVolumeRequest*, v1::NodeUnstageVolumeResponse*) override;
  Reactor* NodePublishVolume(Context*, const v1::NodePublishVolumeRequest*, v1::NodePublishVolumeResponse*) override;
  Reactor* NodeUnpublishVolume(Context*, const v1::NodeUnpublishVolumeRequest*, v1::NodeUnpublishVolumeResponse*) override;
  Reactor* NodeGetVolumeStats(Context*, const v1::NodeGetVolumeStatsRequest*, v1::NodeGetVolumeStatsResponse*) override;
  Reactor* NodeExpandVolume(Context*, const v1::NodeExpandVolumeRequest*, v1::NodeExpandVolumeResponse*) override;
  Reactor* NodeGetCapabilities(Context*, const v1::NodeGetCapabilitiesRequest*, v1::NodeGetCapabilitiesResponse*) override;
  Reactor* NodeGetInfo(Context*, const v1::NodeGetInfoRequest*, v1::NodeGetInfoResponse*) override;

 private:
  Reactor* raise(const CallPtr& call, const Result<WantedAttachment>& wanted);
  Reactor* lower(const CallPtr& call, const Result<WantedDetachment>& unwanted);
  Error as_kubelet_must_know(const WantedAttachment& wanted, Error error) const;

  const Parts& parts_;
  Calling calling_;
};

}  // namespace blockplug::csi
