// SPDX-License-Identifier: Apache-2.0
// Volumes come and go.
//
//   CreateVolume   look whether it is there → how large is the source? → create, or join what is there → limits
#include <algorithm>

#include "hotplug/mkfs.h"
#include "volume-plugin/csi/capacity.h"
#include "volume-plugin/csi/controller.h"
#include "volume-plugin/csi/ids.h"
#include "volume-plugin/csi/messages.h"
#include "volume-plugin/csi/names.h"
#include "volume-plugin/csi/status.h"
#include "volume-plugin/size.h"

namespace blockplug::csi {
namespace {
constexpr std::int64_t kSizeOtherwise = std::int64_t{1} << 30;

// An earlier call's order, which its caller may have given up waiting for.
bool is_being_created(const VolumeManager& manager, const VolumeId& volume) {
  const auto* known = manager.world().find(volume);
  return known != nullptr && std::ranges::any_of(known->orders, [](const OrderRecord& record) {
           return record.order.kind == OrderKind::Create || record.order.kind == OrderKind::Clone;
         });
}

std::int64_t least_for(const std::vector<Use>& uses) {
  std::int64_t least = 0;
  for (const auto& use : uses)
    if (use.height == Height::Whole) least = std::max(least, mkfs::least_bytes(use.filesystem.empty() ? "ext4" : use.filesystem));
  return least;
}

// With a requirement, this node must be in it.
Status check_topology(const v1::TopologyRequirement& wanted, const Settings& settings) {
  const auto is_here = [&](const v1::Topology& topology) {
    const auto node = topology.segments().find(settings.topology_key());
    return node != topology.segments().end() && node->second == settings.node;
  };
  const auto& requisite = wanted.requisite();
  if (requisite.empty() || std::ranges::any_of(requisite, is_here)) return Ok{};
  return no_effect(Code::ResourceExhausted, "volumes of this backend are on node " + settings.node + " alone (" +
                                                settings.topology_key() + "), and accessibility_requirements names others");
}
}  // namespace

struct ControllerService::Creation {
  CallPtr call;
  v1::CreateVolumeResponse* response{};
  VolumeId volume;  // by the name that it is created with
  std::vector<Use> uses;
  StorageClass wanted;
  v1::CapacityRange range;
  v1::VolumeContentSource source;
  std::string source_id;  // "ceph/a" or "ceph/a@before"; empty: none
  std::string callers_name;
};

Status ControllerService::read_source(const v1::VolumeContentSource& source, Creation& creation) const {
  const auto& backends = parts_.door.backends();
  if (source.has_snapshot()) {
    const auto id = TRY(check_snapshot_form(backends, source.snapshot().snapshot_id()));
    creation.source_id = id.volume + "@" + id.name;
  } else if (source.has_volume()) {
    creation.source_id = TRY(check_form(backends, source.volume().volume_id())).str();
  } else {
    return invalid("volume_content_source is neither a snapshot nor a volume");
  }
  creation.source = source;
  const auto backend = backend_of(VolumeId(creation.source_id));
  if (creation.wanted.backend.empty()) creation.wanted.backend = backend;
  return Ok{};
}

Result<ControllerService::CreationPtr> ControllerService::creation(const CallPtr& call, const v1::CreateVolumeRequest& request,
                                                                   v1::CreateVolumeResponse* response) {
  TRY(check_name(request.name(), "name"));
  TRY(check_no_secrets(request.secrets()));
  auto made = std::make_shared<Creation>();
  made->call = call;
  made->response = response;
  made->uses = TRY(uses_of(request.volume_capabilities()));
  made->wanted = TRY(storage_class_of(request.parameters(), request.mutable_parameters()));
  if (made->wanted.attach_to == AttachTo::Vm)
    for (const auto& use : made->uses) TRY(check_for_vm(use));
  made->range = request.capacity_range();
  if (request.has_volume_content_source()) TRY(read_source(request.volume_content_source(), *made));
  const auto& backends = parts_.door.backends();
  auto& name = made->wanted.backend;
  if (name.empty() && backends.size() == 1) name = backends.begin()->first;
  if (name.empty()) return invalid("parameters: several backends are configured: name one as 'backend'");
  const auto backend = backends.find(name);
  if (backend == backends.end()) return invalid("parameters: backend: there is no backend '" + printable(name) + "'");
  if (backend->second->is_of_this_machine()) TRY(check_topology(request.accessibility_requirements(), parts_.settings));
  if (made->wanted.limits.is_any())
    if (auto taken = backend->second->takes_limits(); !taken.ok())
      return within("iops and bytesPerSecond are not supported by backend '" + name + "'", std::move(taken).error());
  const auto takes = [&at = *backend->second](const std::string& text) {
    const bool looks_like_an_id = at.chooses_ids() && at.is_id(text);
    return at.check_name(text).ok() && !looks_like_an_id;
  };
  const auto ours = volume_name(request.name(), name, takes);
  if (ours != request.name()) made->callers_name = request.name();
  made->volume = VolumeId(name + "/" + ours);
  return made;
}

ControllerService::Reactor* ControllerService::CreateVolume(Context* context, const v1::CreateVolumeRequest* request,
                                                            v1::CreateVolumeResponse* response) {
  auto call = calling_.begin(*context, "CreateVolume", request->name());
  const auto creation = this->creation(call, *request, response);
  if (!passes(call, creation)) return call->reactor();
  const auto& made = *creation;
  parts_.door.volumes().find(made->volume.str(), [this, made](const Result<VolumeInfo>& info) {
    if (!info.ok() && info.error().code == Code::NotFound) return find_source(made);
    if (!info.ok()) return refuse(*made, info.error());
    if (is_within(made->range, info->size_bytes)) return create(made, info->size_bytes);
    refuse(*made, no_effect(Code::AlreadyExists, "volume " + info->id.str() + " exists with " + format_size(info->size_bytes) +
                                                     ", which is not within capacity_range: use another name"));
  });
  return call->reactor();
}

// Core thread. While an earlier call is under way, no error is final: the claim could be given up, and the volume appear after
// that.
void ControllerService::refuse(const Creation& creation, Error error) const {
  if (is_final(error.code) && is_being_created(parts_.manager, creation.volume))
    error = as_not_final(std::move(error), "an earlier call is still creating it");
  creation.call->finish(std::move(error));
}

void ControllerService::find_source(const CreationPtr& creation) {
  if (creation->source_id.empty()) return choose_size(creation, 0);
  const auto at = creation->source_id.rfind('@');
  if (creation->source.has_volume()) {
    parts_.door.volumes().find(creation->source_id, [this, creation](const Result<VolumeInfo>& info) {
      if (!info.ok()) return refuse(*creation, within("volume_content_source", info.error()));
      choose_size(creation, info->size_bytes);
    });
    return;
  }
  const auto volume = creation->source_id.substr(0, at), name = creation->source_id.substr(at + 1);
  parts_.door.snapshots().list(volume, [this, creation, name](const Result<SnapshotDoor::Listing>& listing) {
    if (!listing.ok()) return refuse(*creation, within("volume_content_source", listing.error()));
    for (const auto& snapshot : listing->snapshots)
      if (snapshot.info.name == name) return choose_size(creation, snapshot.info.size_bytes);
    refuse(*creation, no_effect(Code::NotFound, "volume_content_source: there is no snapshot " + creation->source_id));
  });
}

void ControllerService::choose_size(const CreationPtr& creation, std::int64_t source_bytes) {
  const auto& backend = *parts_.door.backends().at(creation->wanted.backend);
  const bool is_copy = !creation->source_id.empty();
  const auto least = is_copy ? source_bytes : least_for(creation->uses);
  const auto size = size_for(creation->range, {least, backend.size_step(), is_copy ? least : kSizeOtherwise});
  if (!size.ok()) return refuse(*creation, size.error());
  create(creation, *size);
}

// The equal repeat joins; the backend says whether what is there already is the same.
void ControllerService::create(const CreationPtr& creation, std::int64_t size_bytes) {
  if (creation->call->is_over()) return;
  const auto& wanted = creation->wanted;
  const VolumeDoor::Create order{.name = name_of(creation->volume),
                                 .backend = wanted.backend,
                                 .size_bytes = size_bytes,
                                 .operation = creation->call->operation,
                                 .source = creation->source_id,
                                 .is_flattened = wanted.is_flattened && !creation->source_id.empty(),
                                 .type = wanted.type,
                                 .zone = wanted.zone,
                                 .callers_name = creation->callers_name};
  const auto made = [this, creation](const Result<VolumeInfo>& info) {
    if (!info.ok()) return refuse(*creation, info.error());
    limit(creation, *info);
  };
  creation->call->waits_for(parts_.door.volumes().create(order, creation->call->deadline, made));
}

void ControllerService::limit(const CreationPtr& creation, const VolumeInfo& made) {
  const auto& limits = creation->wanted.limits;
  if (!limits.is_any()) return answer(creation, made);
  const ChangeDoor::Modify order{made.id.str(), limits.iops, limits.bytes_per_second, creation->call->operation};
  const auto limited = [this, creation](const Result<VolumeInfo>& info) {
    // The volume is there: the caller must not take it for one that is not.
    if (!info.ok()) return creation->call->finish(maybe_effect(info.error().code, info.error().message));
    answer(creation, *info);
  };
  creation->call->waits_for(parts_.door.changes().modify(order, creation->call->deadline, limited));
}

void ControllerService::answer(const CreationPtr& creation, const VolumeInfo& made) const {
  creation->call->finish_with([&] {
    auto& volume = *creation->response->mutable_volume();
    volume = message_of(made);
    if (!creation->source_id.empty()) *volume.mutable_content_source() = creation->source;
    if (creation->wanted.attach_to == AttachTo::Vm) (*volume.mutable_volume_context())[kAttachTo] = "vm";
  });
}

v1::Volume ControllerService::message_of(const VolumeInfo& info) const {
  const auto backend = parts_.door.backends().find(backend_of(info.id));
  return to_message(info, backend != parts_.door.backends().end() && backend->second->is_of_this_machine(), parts_.settings);
}

ControllerService::Reactor* ControllerService::DeleteVolume(Context* context, const v1::DeleteVolumeRequest* request,
                                                            v1::DeleteVolumeResponse*) {
  auto call = calling_.begin(*context, "DeleteVolume", request->volume_id());
  const auto checked = request->volume_id().empty() ? Status(invalid("volume_id is empty")) : check_no_secrets(request->secrets());
  if (!passes(call, checked)) return call->reactor();
  const auto volume = check_form(parts_.door.backends(), request->volume_id());
  if (!volume.ok()) {
    call->finish(volume.error().code == Code::NotFound ? Status(Ok{}) : volume.error());
    return call->reactor();
  }
  parts_.runner.post([this, call, volume = *volume] {
    if (call->is_over()) return;
    if (is_being_created(parts_.manager, volume))
      return call->finish(no_effect(Code::Aborted, volume.str() + ": it is still being created; `blockplug volume cancel " +
                                                       volume.str() + "` takes that back"));
    call->waits_for(parts_.door.volumes().remove(volume.str(), call->operation, call->deadline,
                                                 [call](const Status& gone) { call->finish(gone); }));
  });
  return call->reactor();
}

ControllerService::Reactor* ControllerService::ControllerExpandVolume(Context* context,
                                                                      const v1::ControllerExpandVolumeRequest* request,
                                                                      v1::ControllerExpandVolumeResponse* response) {
  auto call = calling_.begin(*context, "ControllerExpandVolume", request->volume_id());
  const auto checked = [&]() -> Result<VolumeId> {
    if (request->volume_id().empty()) return invalid("volume_id is empty");
    if (!request->has_capacity_range()) return invalid("capacity_range is missing");
    TRY(check_no_secrets(request->secrets()));
    if (request->has_volume_capability()) TRY(use_of(request->volume_capability()));
    return check_form(parts_.door.backends(), request->volume_id());
  }();
  if (!passes(call, checked)) return call->reactor();
  const bool is_block = request->volume_capability().has_block();
  const auto tell = [call, response, is_block](const Result<VolumeInfo>& info) {
    if (!info.ok()) return call->finish(info.error());
    call->finish_with([&] {
      response->set_capacity_bytes(info->size_bytes);
      response->set_node_expansion_required(!is_block);
    });
  };
  parts_.door.volumes().find(checked->str(), [this, call, tell, range = request->capacity_range()](const Result<VolumeInfo>& info) {
    if (!info.ok()) return call->finish(info.error());
    if (info->size_bytes >= range.required_bytes() && range.required_bytes() > 0) return tell(info);
    if (call->is_over()) return;
    const auto& backend = *parts_.door.backends().at(backend_of(info->id));
    const auto size = size_for(range, {info->size_bytes, backend.size_step(), info->size_bytes});
    if (!size.ok()) return call->finish(size.error());
    call->waits_for(parts_.door.changes().expand(info->id.str(), *size, call->operation, call->deadline, tell));
  });
  return call->reactor();
}

ControllerService::Reactor* ControllerService::ControllerModifyVolume(Context* context,
                                                                      const v1::ControllerModifyVolumeRequest* request,
                                                                      v1::ControllerModifyVolumeResponse*) {
  auto call = calling_.begin(*context, "ControllerModifyVolume", request->volume_id());
  const auto limits = [&]() -> Result<VolumeLimitsWanted> {
    if (request->volume_id().empty()) return invalid("volume_id is empty");
    TRY(check_no_secrets(request->secrets()));
    const auto volume = TRY(check_form(parts_.door.backends(), request->volume_id()));
    auto wanted = TRY(limits_of(request->mutable_parameters()));
    if (!wanted.is_any()) return wanted;
    auto taken = parts_.door.backends().at(backend_of(volume))->takes_limits();
    if (!taken.ok()) return within("iops and bytesPerSecond", std::move(taken).error());
    return wanted;
  }();
  if (!passes(call, limits)) return call->reactor();
  const auto tell = [call](const Result<VolumeInfo>& info) { call->finish(info.ok() ? Status(Ok{}) : info.error()); };
  if (!limits->is_any())
    parts_.door.volumes().find(request->volume_id(), tell);
  else
    call->waits_for(parts_.door.changes().modify({request->volume_id(), limits->iops, limits->bytes_per_second, call->operation},
                                                 call->deadline, tell));
  return call->reactor();
}

}  // namespace blockplug::csi
