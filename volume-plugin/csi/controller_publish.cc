// SPDX-License-Identifier: Apache-2.0
// ControllerPublish and ControllerUnpublish. A volume is held by the node that has it; so both only look: may it go there, has it
// gone from there? Only a node that Kubernetes declares out of service is made to let go.
#include <algorithm>

#include "volume-plugin/csi/controller.h"
#include "volume-plugin/csi/ids.h"
#include "volume-plugin/csi/messages.h"
#include "volume-plugin/csi/status.h"

namespace blockplug::csi {
namespace {
// Beside its holders: it cannot be read, or the image is being fenced or deleted. Then nothing can be said of who has it.
Status check_hold_is_known(const VolumeInfo& info) {
  const auto state = fact(info.details, "hold");
  if (state.empty()) return Ok{};
  return no_effect(Code::Unavailable, info.id.str() + ": who holds its image cannot be told now (hold: " + state + ")");
}

// Also what it only asked its cloud for: a detail "attachment <id>" names node and target (cinder/tags.h).
bool may_have(const VolumeInfo& info, const std::string& node) {
  return std::ranges::any_of(info.holders, [&](const VolumeHolder& holder) { return holder.node == node; }) ||
         std::ranges::any_of(info.details, [&](const auto& detail) {
           return detail.first.starts_with("attachment ") && detail.second.starts_with(node + "/");
         });
}

// Whoever began it, and whatever the node is now: it cannot use the image until this has ended.
bool is_being_fenced(const VolumeInfo& info, const std::string& node) {
  const auto from = fact(info.details, kFencedFrom);
  return from == node || from == kEveryNode;
}

Status check_node(const std::string& node) {
  if (node.empty()) return invalid("node_id is empty");
  return node.size() <= 253 ? Status(Ok{}) : invalid("node_id is too long");
}
}  // namespace

// A second node may read beside readers only.
Status ControllerService::check_free_for(const VolumeInfo& info, const std::string& node, const Use& use) const {
  TRY(check_hold_is_known(info));
  for (const auto& holder : info.holders) {
    if (holder.node == node || (holder.access == Access::ReadOnly && use.access == Access::ReadOnly)) continue;
    return no_effect(Code::FailedPrecondition, info.id.str() + " is held by node " + holder.node + " (" + holder.target +
                                                   ", since " + holder.since + "): it can go to node " + node +
                                                   " when it has gone from there");
  }
  return Ok{};
}

Status ControllerService::check_let_go(const VolumeInfo& info, const std::string& node, const std::string& more) const {
  for (const auto& holder : info.holders)
    if (node.empty() || holder.node == node)
      return no_effect(Code::FailedPrecondition,
                       info.id.str() + " is still held by node " + holder.node + " (" + holder.target + ", since " + holder.since +
                           "): it is released when that node has unmounted it. If the node is dead, `blockplug volume fence " +
                           info.id.str() + " --node " + holder.node + " --yes` takes the image from it" + more);
  return check_hold_is_known(info);
}

struct ControllerService::LettingGo {
  CallPtr call;
  VolumeId volume;
  std::string node;  // empty: all
};

void ControllerService::let_go(const LettingGoPtr& request) {
  parts_.door.volumes().find(request->volume.str(), [this, request](const Result<VolumeInfo>& info) {
    if (!info.ok()) return request->call->finish(info.error().code == Code::NotFound ? Status(Ok{}) : info.error());
    const bool may_have_it = !request->node.empty() && may_have(*info, request->node);
    if (may_have_it && is_being_fenced(*info, request->node)) return fence(request, *info);
    if (may_have_it && parts_.out_of_service) return ask_about(request, *info);
    request->call->finish(check_let_go(*info, request->node, ""));
  });
}

// A node that does not answer may still write. So it is fenced only where somebody has said that it is out of service.
void ControllerService::ask_about(const LettingGoPtr& request, const VolumeInfo& info) {
  constexpr std::chrono::seconds kLongestQuestion{10};
  constexpr std::size_t kQuestionsAtATime = 8;
  const auto answer = std::make_shared<Result<bool>>(false);
  const auto deadline = std::min(request->call->deadline, Clock::now() + kLongestQuestion);
  parts_.runner.start({"kubernetes", Turn::Down,
                       [answer, request, deadline, ask = parts_.out_of_service]() -> Job::Answer {
                         *answer = ask(request->node, deadline);
                         return Attempt{Done{}};
                       },
                       [this, answer, request, info](const Job::Answer&) {
                         if (request->call->is_over()) return;
                         if (answer->ok() && **answer) return fence(request, info);
                         const auto more =
                             answer->ok() ? std::string(", and so does the taint node.kubernetes.io/out-of-service of that node")
                                          : "; whether it is out of service cannot be told: " + answer->error().message;
                         request->call->finish(check_let_go(info, request->node, more));
                       },
                       kQuestionsAtATime});
}

void ControllerService::fence(const LettingGoPtr& request, const VolumeInfo& info) {
  const auto& call = request->call;
  std::string since;
  for (const auto& holder : info.holders)
    if (holder.node == request->node) since = std::max(since, holder.since);
  call->waits_for(parts_.door.changes().fence(
      {.volume = request->volume.str(),
       .whole_node = {},
       .operation = call->operation,
       .only_node = request->node,
       .held_since = since},
      call->deadline, [this, request](const Result<std::vector<std::string>>& fenced) {
        if (!fenced.ok())
          return request->call->finish(as_not_final(
              within("node " + request->node + " is to be fenced, but is not yet", fenced.error()), "it may still write"));
        parts_.door.volumes().find(request->volume.str(), [this, request](const Result<VolumeInfo>& now) {
          if (!now.ok() && now.error().code == Code::NotFound) return request->call->finish(Ok{});
          request->call->finish(now.ok() ? check_let_go(*now, request->node, "") : Status(now.error()));
        });
      }));
}

std::optional<Error> ControllerService::held_here(const VolumeId& volume) const {
  for (const auto& report : parts_.manager.of_volume(volume))
    if (may_be_there(report))
      return no_effect(Code::FailedPrecondition, to_text(report.key) + " on node " + parts_.settings.node +
                                                     ": it is still there (" + std::string(to_text(report.state)) + ": " +
                                                     summary(report) + ")");
  return std::nullopt;
}

ControllerService::Reactor* ControllerService::ControllerPublishVolume(Context* context,
                                                                       const v1::ControllerPublishVolumeRequest* request,
                                                                       v1::ControllerPublishVolumeResponse*) {
  auto call = calling_.begin(*context, "ControllerPublishVolume", request->volume_id());
  const auto checked = [&]() -> Result<Use> {
    if (request->volume_id().empty()) return invalid("volume_id is empty");
    TRY(check_node(request->node_id()));
    if (!request->has_volume_capability()) return invalid("volume_capability is missing");
    TRY(check_no_secrets(request->secrets()));
    TRY(check_form(parts_.door.backends(), request->volume_id()));
    if (request->readonly())
      return invalid("readonly: this driver does not have PUBLISH_READONLY; it is NodePublish that reads only");
    return use_of(request->volume_capability());
  }();
  if (!passes(call, checked)) return call->reactor();
  const auto node = request->node_id();
  const auto is_here = parts_.settings.has_node;
  parts_.door.volumes().find(request->volume_id(), [this, call, use = *checked, node, is_here](const Result<VolumeInfo>& info) {
    if (!info.ok()) return call->finish(info.error());
    if (is_here && node != parts_.settings.node)
      return call->finish(no_effect(Code::NotFound, "node '" + printable(node) +
                                                        "' is not served here: this daemon has role all, and "
                                                        "serves node " +
                                                        parts_.settings.node + " alone"));
    call->finish(check_free_for(*info, node, use));
  });
  return call->reactor();
}

ControllerService::Reactor* ControllerService::ControllerUnpublishVolume(Context* context,
                                                                         const v1::ControllerUnpublishVolumeRequest* request,
                                                                         v1::ControllerUnpublishVolumeResponse*) {
  auto call = calling_.begin(*context, "ControllerUnpublishVolume", request->volume_id());
  const auto checked = request->volume_id().empty() ? Status(invalid("volume_id is empty")) : check_no_secrets(request->secrets());
  if (!passes(call, checked)) return call->reactor();
  const auto volume = check_form(parts_.door.backends(), request->volume_id());
  if (!volume.ok()) {  // what cannot be is published nowhere
    call->finish(volume.error().code == Code::NotFound ? Status(Ok{}) : volume.error());
    return call->reactor();
  }
  parts_.runner.post([this, call, volume = *volume, node = request->node_id()] {
    const bool is_here = parts_.settings.has_node && (node.empty() || node == parts_.settings.node);
    if (const auto held = is_here ? held_here(volume) : std::nullopt) return call->finish(*held);
    if (is_here && !node.empty()) return call->finish(Ok{});  // without its backend, which may be away
    let_go(std::make_shared<LettingGo>(LettingGo{call, volume, node}));
  });
  return call->reactor();
}

}  // namespace blockplug::csi
