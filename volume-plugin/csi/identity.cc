// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/identity.h"

#include <algorithm>

namespace blockplug::csi {
namespace {
using Offer = v1::PluginCapability::Service;
using Expansion = v1::PluginCapability::VolumeExpansion;

grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context) {
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}
}  // namespace

IdentityService::Reactor* IdentityService::GetPluginInfo(Context* context, const v1::GetPluginInfoRequest*,
                                                         v1::GetPluginInfoResponse* response) {
  response->set_name(parts_.settings.driver);
  response->set_vendor_version(parts_.settings.version);
  return answer(context);
}

IdentityService::Reactor* IdentityService::GetPluginCapabilities(Context* context, const v1::GetPluginCapabilitiesRequest*,
                                                                 v1::GetPluginCapabilitiesResponse* response) {
  const auto is_of_node = [](const auto& entry) { return entry.second->is_of_this_machine(); };
  if (parts_.settings.has_controller) response->add_capabilities()->mutable_service()->set_type(Offer::CONTROLLER_SERVICE);
  if (std::ranges::any_of(parts_.door.backends(), is_of_node))
    response->add_capabilities()->mutable_service()->set_type(Offer::VOLUME_ACCESSIBILITY_CONSTRAINTS);
  response->add_capabilities()->mutable_volume_expansion()->set_type(Expansion::ONLINE);
  return answer(context);
}

// It serves calls from its first moment: a backend that is away is each call's own matter.
IdentityService::Reactor* IdentityService::Probe(Context* context, const v1::ProbeRequest*, v1::ProbeResponse* response) {
  response->mutable_ready()->set_value(true);
  return answer(context);
}

}  // namespace blockplug::csi
