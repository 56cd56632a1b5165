// SPDX-License-Identifier: Apache-2.0
// NodeGetVolumeStats and NodeExpandVolume.
#include "volume-plugin/csi/capabilities.h"
#include "volume-plugin/csi/capacity.h"
#include "volume-plugin/csi/ids.h"
#include "volume-plugin/csi/messages.h"
#include "volume-plugin/csi/node.h"
#include "volume-plugin/csi/node_requests.h"
#include "volume-plugin/csi/parameters.h"
#include "volume-plugin/csi/status.h"
#include "volume-plugin/size.h"

namespace blockplug::csi {
namespace {
constexpr std::chrono::seconds kLongestReading{10};

void tell(const VolumeUsage& found, v1::NodeGetVolumeStatsResponse& response) {
  const auto add = [&](v1::VolumeUsage::Unit unit, std::int64_t total, std::int64_t used, std::int64_t available) {
    auto& usage = *response.add_usage();
    usage.set_unit(unit);
    usage.set_total(total);
    usage.set_used(used);
    usage.set_available(available);
  };
  const auto& usage = found.usage;
  add(v1::VolumeUsage::BYTES, usage.total_bytes, usage.used_bytes, usage.available_bytes);
  if (usage.has_filesystem) add(v1::VolumeUsage::INODES, usage.total_inodes, usage.used_inodes, usage.available_inodes);
  *response.mutable_volume_condition() = to_message(Condition{found.is_abnormal, found.condition});
}
}  // namespace

NodeService::Reactor* NodeService::NodeGetVolumeStats(Context* context, const v1::NodeGetVolumeStatsRequest* request,
                                                      v1::NodeGetVolumeStatsResponse* response) {
  auto call = calling_.begin(*context, "NodeGetVolumeStats", request->volume_id());
  const auto checked = [&]() -> Status {
    if (request->volume_id().empty()) return invalid("volume_id is empty");
    if (request->volume_path().empty()) return invalid("volume_path is empty");
    TRY(check_form(parts_.door.backends(), request->volume_id()));
    return Ok{};
  }();
  if (!passes(call, checked)) return call->reactor();
  const auto deadline = std::min(call->deadline, Clock::now() + kLongestReading);
  call->waits_for(parts_.door.usage().usage(request->volume_id(),
                                            published_path(parts_.settings.kubelet_dir, request->volume_path()), deadline,
                                            [call, response](const Result<VolumeUsage>& usage) {
                                              if (!usage.ok()) return call->finish(usage.error());
                                              call->finish_with([&] { tell(*usage, *response); });
                                            }));
  return call->reactor();
}

// The volume has grown, perhaps by another node's hand: the device and its file system here are to follow. One that only this
// machine has is grown here and now: in a cluster no controller reaches it.
NodeService::Reactor* NodeService::NodeExpandVolume(Context* context, const v1::NodeExpandVolumeRequest* request,
                                                    v1::NodeExpandVolumeResponse* response) {
  auto call = calling_.begin(*context, "NodeExpandVolume", request->volume_id());
  const auto checked = [&]() -> Status {
    if (request->volume_id().empty()) return invalid("volume_id is empty");
    if (request->volume_path().empty()) return invalid("volume_path is empty");
    TRY(check_no_secrets(request->secrets()));
    TRY(check_form(parts_.door.backends(), request->volume_id()));
    if (request->has_volume_capability()) TRY(use_of(request->volume_capability()));
    return Ok{};
  }();
  if (!passes(call, checked)) return call->reactor();
  const auto range = request->capacity_range();
  const auto tell = [call, response, range](const Result<VolumeInfo>& info) {
    if (!info.ok()) return call->finish(info.error());
    if (info->size_bytes < range.required_bytes())
      return call->finish(no_effect(Code::OutOfRange, info->id.str() + " has " + format_size(info->size_bytes) +
                                                          ", less than the " + std::to_string(range.required_bytes()) +
                                                          " bytes that are required: expand the volume first"));
    call->finish_with([&] { response->set_capacity_bytes(info->size_bytes); });
  };
  const auto volume = request->volume_id();
  const auto& backend = *parts_.door.backends().at(backend_of(VolumeId(volume)));
  if (!backend.is_of_this_machine()) {
    call->waits_for(parts_.door.changes().refresh(volume, call->deadline, tell));
    return call->reactor();
  }
  parts_.door.volumes().find(volume, [this, call, tell, range, step = backend.size_step()](const Result<VolumeInfo>& info) {
    if (!info.ok()) return call->finish(info.error());
    const auto size = size_for(range, {info->size_bytes, step, info->size_bytes});
    if (!size.ok()) return call->finish(size.error());
    call->waits_for(*size > info->size_bytes
                        ? parts_.door.changes().expand(info->id.str(), *size, call->operation, call->deadline, tell)
                        : parts_.door.changes().refresh(info->id.str(), call->deadline, tell));
  });
  return call->reactor();
}

}  // namespace blockplug::csi
