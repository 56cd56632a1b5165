// SPDX-License-Identifier: Apache-2.0
#pragma once
// CSI's Identity service. Only this folder's .cc files include it: gRPC headers take a minute to compile.
#include "volume-plugin/csi/call.h"

namespace blockplug::csi {

class IdentityService : public v1::Identity::CallbackService {
 public:
  explicit IdentityService(const Parts& parts) : parts_(parts) {}
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;

  Reactor* GetPluginInfo(Context*, const v1::GetPluginInfoRequest*, v1::GetPluginInfoResponse*) override;
  Reactor* GetPluginCapabilities(Context*, const v1::GetPluginCapabilitiesRequest*, v1::GetPluginCapabilitiesResponse*) override;
  Reactor* Probe(Context*, const v1::ProbeRequest*, v1::ProbeResponse*) override;

 private:
  const Parts& parts_;
};

}  // namespace blockplug::csi
