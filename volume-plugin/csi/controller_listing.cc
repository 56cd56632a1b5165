// SPDX-License-Identifier: Apache-2.0
// What is there: volumes, their condition, room, and what this service can do.
#include <algorithm>

#include "volume-plugin/csi/controller.h"
#include "volume-plugin/csi/ids.h"
#include "volume-plugin/csi/listing.h"
#include "volume-plugin/csi/messages.h"
#include "volume-plugin/csi/status.h"

namespace blockplug::csi {
namespace {
bool are_all_of_this_machine(const BackendsByName& backends) {
  return std::ranges::all_of(backends, [](const auto& entry) { return entry.second->is_of_this_machine(); });
}

bool has_any_chosen_ids(const BackendsByName& backends) {
  return std::ranges::any_of(backends, [](const auto& entry) { return entry.second->chooses_ids(); });
}

bool has_any_limits(const BackendsByName& backends) {
  return std::ranges::any_of(backends, [](const auto& entry) { return entry.second->has_limits(); });
}

bool has_any_snapshots(const BackendsByName& backends) {
  return std::ranges::any_of(backends, [](const auto& entry) { return entry.second->has_snapshots(); });
}
}  // namespace

template <typename VolumeStatus>
void ControllerService::tell_status(const VolumeInfo& info, VolumeStatus& status) const {
  const auto here = parts_.manager.of_volume(info.id);
  for (auto& node : nodes_of(info, here, parts_.settings.node)) status.add_published_node_ids(std::move(node));
  *status.mutable_volume_condition() = to_message(condition_of_all(here));
}

ControllerService::Reactor* ControllerService::ControllerGetCapabilities(Context* context,
                                                                         const v1::ControllerGetCapabilitiesRequest*,
                                                                         v1::ControllerGetCapabilitiesResponse* response) {
  using Rpc = v1::ControllerServiceCapability::RPC;
  const auto add = [&](Rpc::Type type) { response->add_capabilities()->mutable_rpc()->set_type(type); };
  const auto& backends = parts_.door.backends();
  for (const auto type :
       {Rpc::CREATE_DELETE_VOLUME, Rpc::LIST_VOLUMES, Rpc::GET_VOLUME, Rpc::VOLUME_CONDITION, Rpc::SINGLE_NODE_MULTI_WRITER})
    add(type);
  if (are_all_of_this_machine(backends)) {
    // Each node speaks for itself: no other can have its volumes, and no one controller reaches them all to expand or to limit
    // them; the node grows them (NodeExpandVolume).
    add(Rpc::GET_CAPACITY);
  } else {
    for (const auto type : {Rpc::PUBLISH_UNPUBLISH_VOLUME, Rpc::EXPAND_VOLUME}) add(type);
    if (has_any_limits(backends)) add(Rpc::MODIFY_VOLUME);
    // Cinder's list does not say who holds a volume; csi-attacher would publish each of them again every minute.
    if (!has_any_chosen_ids(backends)) add(Rpc::LIST_VOLUMES_PUBLISHED_NODES);
  }
  if (has_any_snapshots(backends))
    for (const auto type : {Rpc::CREATE_DELETE_SNAPSHOT, Rpc::LIST_SNAPSHOTS, Rpc::GET_SNAPSHOT, Rpc::CLONE_VOLUME}) add(type);
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

ControllerService::Reactor* ControllerService::ListVolumes(Context* context, const v1::ListVolumesRequest* request,
                                                           v1::ListVolumesResponse* response) {
  auto call = calling_.begin(*context, "ListVolumes", "");
  // Checked before anybody is asked.
  const auto id_of = [](const VolumeInfo& info) { return info.id.str(); };
  if (!passes(call, page_of(std::vector<VolumeInfo>{}, request->max_entries(), request->starting_token(), id_of)))
    return call->reactor();
  parts_.door.volumes().list({}, [this, call, response, id_of, most = request->max_entries(),
                                  token = request->starting_token()](const Result<VolumeDoor::Listing>& listing) {
    if (!listing.ok()) return call->finish(listing.error());
    // A listing that lacks some would tell Kubernetes that they are gone.
    if (!listing->problems.empty()) return call->finish(no_effect(Code::Unavailable, listing->problems.front()));
    auto page = page_of(listing->volumes, most, token, id_of);
    if (!page.ok()) return call->finish(page.error());
    call->finish_with([&] {
      for (const auto& info : page->entries) {
        auto& entry = *response->add_entries();
        *entry.mutable_volume() = message_of(info);
        tell_status(info, *entry.mutable_status());
      }
      response->set_next_token(page->next_token);
    });
  });
  return call->reactor();
}

ControllerService::Reactor* ControllerService::ControllerGetVolume(Context* context, const v1::ControllerGetVolumeRequest* request,
                                                                   v1::ControllerGetVolumeResponse* response) {
  auto call = calling_.begin(*context, "ControllerGetVolume", request->volume_id());
  const auto volume = request->volume_id().empty() ? Result<VolumeId>(invalid("volume_id is empty"))
                                                   : check_form(parts_.door.backends(), request->volume_id());
  if (!passes(call, volume)) return call->reactor();
  parts_.door.volumes().find(volume->str(), [this, call, response](const Result<VolumeInfo>& info) {
    if (!info.ok()) return call->finish(info.error());
    call->finish_with([&] {
      *response->mutable_volume() = message_of(*info);
      tell_status(*info, *response->mutable_status());
    });
  });
  return call->reactor();
}

ControllerService::Reactor* ControllerService::ValidateVolumeCapabilities(Context* context,
                                                                          const v1::ValidateVolumeCapabilitiesRequest* request,
                                                                          v1::ValidateVolumeCapabilitiesResponse* response) {
  auto call = calling_.begin(*context, "ValidateVolumeCapabilities", request->volume_id());
  const auto checked = [&]() -> Result<VolumeId> {
    if (request->volume_id().empty()) return invalid("volume_id is empty");
    if (request->volume_capabilities().empty()) return invalid("volume_capabilities is empty");
    return check_form(parts_.door.backends(), request->volume_id());
  }();
  if (!passes(call, checked)) return call->reactor();
  const auto uses = uses_of(request->volume_capabilities());
  const auto parameters = storage_class_of(request->parameters(), request->mutable_parameters());
  const auto fault = [&]() -> std::string {
    if (!uses.ok()) return uses.error().message;
    if (!parameters.ok()) return parameters.error().message;
    const bool is_for_vm = parameters->attach_to == AttachTo::Vm || is_of_vm(request->volume_context());
    for (const auto& use : *uses)
      if (const auto may = is_for_vm ? check_for_vm(use) : Status(Ok{}); !may.ok()) return may.error().message;
    return {};
  }();
  v1::ValidateVolumeCapabilitiesResponse confirmed;
  *confirmed.mutable_confirmed()->mutable_volume_context() = request->volume_context();
  *confirmed.mutable_confirmed()->mutable_volume_capabilities() = request->volume_capabilities();
  *confirmed.mutable_confirmed()->mutable_parameters() = request->parameters();
  *confirmed.mutable_confirmed()->mutable_mutable_parameters() = request->mutable_parameters();
  parts_.door.volumes().find(checked->str(), [call, response, fault, confirmed](const Result<VolumeInfo>& info) {
    if (!info.ok()) return call->finish(info.error());
    call->finish_with([&] {
      if (fault.empty())
        *response = confirmed;
      else
        response->set_message(as_utf8(fault));
    });
  });
  return call->reactor();
}

ControllerService::Reactor* ControllerService::GetCapacity(Context* context, const v1::GetCapacityRequest* request,
                                                           v1::GetCapacityResponse* response) {
  auto call = calling_.begin(*context, "GetCapacity", "");
  const auto& backends = parts_.door.backends();
  const auto backend = [&]() -> Result<std::string> {
    if (!request->volume_capabilities().empty()) TRY(uses_of(request->volume_capabilities()));
    const auto wanted = TRY(storage_class_of(request->parameters(), {}));
    if (!wanted.backend.empty()) return wanted.backend;
    if (backends.size() == 1) return backends.begin()->first;
    return invalid("parameters: several backends are configured: name one as 'backend'");
  }();
  if (!passes(call, backend)) return call->reactor();
  if (request->has_accessible_topology()) {
    const auto& segments = request->accessible_topology().segments();
    const auto node = segments.find(parts_.settings.topology_key());
    if (node != segments.end() && node->second != parts_.settings.node) {
      call->finish_with([] {});  // no room for that node here
      return call->reactor();
    }
  }
  parts_.door.volumes().available_bytes(*backend, [call, response](const Result<std::int64_t>& bytes) {
    if (!bytes.ok()) return call->finish(bytes.error());
    call->finish_with([&] { response->set_available_capacity(*bytes); });
  });
  return call->reactor();
}

}  // namespace blockplug::csi
