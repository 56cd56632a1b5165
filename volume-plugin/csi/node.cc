// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/node.h"

#include <algorithm>

#include "volume-plugin/csi/ids.h"
#include "volume-plugin/csi/messages.h"
#include "volume-plugin/csi/node_requests.h"
#include "volume-plugin/csi/status.h"

namespace blockplug::csi {
namespace {
bool may_any_be_there(const AttachmentReport& report, const std::optional<WantedLeaf>& leaf) {
  if (!leaf) return may_be_there(report);
  const auto is_it = [&](const RungId& id) { return id.leaf == leaf->path; };
  return std::ranges::any_of(report.leaves, [&](const auto& entry) { return is_it(entry.first); }) ||
         std::ranges::any_of(report.rungs, [&](const auto& rung) { return is_it(rung.rung) && rung.state != "down"; });
}
}  // namespace

// Core thread.
Error NodeService::as_kubelet_must_know(const WantedAttachment& wanted, Error error) const {
  if (!is_final(error.code) || error.code == Code::AlreadyExists) return error;
  const bool is_in_vm = kind_of(wanted.target) == "vm";
  const bool is_there = std::ranges::any_of(parts_.manager.of_volume(VolumeId(wanted.volume)), [&](const AttachmentReport& report) {
    if (is_in_vm && report.spec.staging_path == wanted.staging_path) return may_be_there(report);  // perhaps by another VM's name
    return report.key.target == wanted.target && (is_in_vm ? may_be_there(report) : may_any_be_there(report, wanted.leaf));
  });
  const bool may_be = error.effect == Effect::Unknown || is_there;
  return may_be ? as_not_final(std::move(error), "the volume may still be there") : error;
}

NodeService::Reactor* NodeService::raise(const CallPtr& call, const Result<WantedAttachment>& asked) {
  if (!passes(call, asked)) return call->reactor();
  if (auto form = check_form(parts_.door.backends(), asked->volume); !form.ok()) {
    // Not final: the volume may be there, from when its backend was configured.
    if (form.error().code == Code::FailedPrecondition) form.error().code = Code::Unavailable;
    call->finish(form.error());
    return call->reactor();
  }
  auto wanted = *asked;
  wanted.operation = call->operation;
  call->waits_for(
      parts_.door.attachments().attach(wanted, call->deadline, [this, call, wanted](const Result<AttachmentReport>& up) {
        if (!up.ok()) return call->finish(as_kubelet_must_know(wanted, up.error()));
        call->finish(Ok{});
      }));
  return call->reactor();
}

NodeService::Reactor* NodeService::lower(const CallPtr& call, const Result<WantedDetachment>& asked) {
  if (!passes(call, asked)) return call->reactor();
  const auto form = check_form(parts_.door.backends(), asked->volume);
  if (!form.ok() && form.error().code == Code::NotFound) {  // what cannot be is not there
    call->finish(Ok{});
    return call->reactor();
  }
  auto unwanted = *asked;
  unwanted.operation = call->operation;
  call->waits_for(parts_.door.attachments().detach(unwanted, call->deadline, [call](const Status& down) { call->finish(down); }));
  return call->reactor();
}

NodeService::Reactor* NodeService::NodeStageVolume(Context* context, const v1::NodeStageVolumeRequest* request,
                                                   v1::NodeStageVolumeResponse*) {
  const auto call = calling_.begin(*context, "NodeStageVolume", request->volume_id());
  const auto asked = wanted(*request, parts_.settings);
  if (!passes(call, asked)) return call->reactor();
  if (asked->has_value()) return raise(call, **asked);
  const auto form = check_form(parts_.door.backends(), request->volume_id());
  if (!passes(call, form)) return call->reactor();
  // Nothing is staged for a pod in a VM. That there is such a volume at all is told now, and not when its pod waits for it.
  parts_.door.volumes().find(form->str(), [call](const Result<VolumeInfo>& info) {
    if (!call->is_over()) call->finish(info.ok() ? Status(Ok{}) : info.error());
  });
  return call->reactor();
}

NodeService::Reactor* NodeService::NodePublishVolume(Context* context, const v1::NodePublishVolumeRequest* request,
                                                     v1::NodePublishVolumeResponse*) {
  return raise(calling_.begin(*context, "NodePublishVolume", request->volume_id()), wanted(*request, parts_.settings));
}

NodeService::Reactor* NodeService::NodeUnpublishVolume(Context* context, const v1::NodeUnpublishVolumeRequest* request,
                                                       v1::NodeUnpublishVolumeResponse*) {
  return lower(calling_.begin(*context, "NodeUnpublishVolume", request->volume_id()),
               unwanted(*request, parts_.settings.kubelet_dir));
}

NodeService::Reactor* NodeService::NodeUnstageVolume(Context* context, const v1::NodeUnstageVolumeRequest* request,
                                                     v1::NodeUnstageVolumeResponse*) {
  return lower(calling_.begin(*context, "NodeUnstageVolume", request->volume_id()),
               unwanted(*request, parts_.settings.kubelet_dir));
}

NodeService::Reactor* NodeService::NodeGetCapabilities(Context* context, const v1::NodeGetCapabilitiesRequest*,
                                                       v1::NodeGetCapabilitiesResponse* response) {
  using Rpc = v1::NodeServiceCapability::RPC;
  for (const auto type :
       {Rpc::STAGE_UNSTAGE_VOLUME, Rpc::GET_VOLUME_STATS, Rpc::EXPAND_VOLUME, Rpc::VOLUME_CONDITION, Rpc::SINGLE_NODE_MULTI_WRITER})
    response->add_capabilities()->mutable_rpc()->set_type(type);
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

// No limit of volumes: loop devices and mounts are made as they are needed, and a volume by FUSE costs memory, not a slot.
NodeService::Reactor* NodeService::NodeGetInfo(Context* context, const v1::NodeGetInfoRequest*, v1::NodeGetInfoResponse* response) {
  response->set_node_id(parts_.settings.node);
  const auto is_of_node = [](const auto& entry) { return entry.second->is_of_this_machine(); };
  if (std::ranges::any_of(parts_.door.backends(), is_of_node))
    (*response->mutable_accessible_topology()->mutable_segments())[parts_.settings.topology_key()] = parts_.settings.node;
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace blockplug::csi
