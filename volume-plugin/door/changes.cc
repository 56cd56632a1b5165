// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/changes.h"

#include "attach-detach/roles.h"
#include "attach-detach/volume_limits.h"
#include "hotplug/rungs.h"
#include "volume-plugin/size.h"

namespace blockplug {
namespace {

constexpr const char* kHost = "host";

std::vector<std::string> split(const std::string& joined) {
  constexpr std::string_view kComma = ", ";
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < joined.size();) {
    const auto end = std::min(joined.find(kComma, at), joined.size());
    parts.push_back(joined.substr(at, end - at));
    at = end + kComma.size();
  }
  return parts;
}

Error cannot_limit(const std::string& mapper, const Backend& backend) {
  return no_effect(Code::FailedPrecondition, "it is mapped on the host by " + (mapper.empty() ? "a mapper" : mapper) +
                                                 ", which does not support limits: " + backend.way_to_limits());
}

Result<Facts> limits_in(const ChangeDoor::Modify& wanted) {
  Facts arguments;
  const std::pair<const char*, std::optional<std::int64_t>> all[] = {{kIops, wanted.iops},
                                                                     {kBytesPerSecond, wanted.bytes_per_second}};
  for (const auto& [name, value] : all) {
    if (!value) continue;
    TRY(check_limit(name, *value));
    arguments[name] = std::to_string(*value);
  }
  if (arguments.empty()) return no_effect(Code::InvalidArgument, "nothing to change: give a limit of iops or of bytes per second");
  return arguments;
}

}  // namespace

DoorCallPtr ChangeDoor::expand(const std::string& text, std::int64_t size_bytes, const std::string& operation, Time deadline,
                               VolumeAnswer unsafe) {
  auto call = calls_.begin("expand", text);
  auto answer = Calls::once<VolumeInfo>(call, std::move(unsafe));
  const auto volume = lookups_.checked(text);
  const auto size = check_size(size_bytes);
  if (!volume.ok() || !size.ok()) {
    return calls_.refuse<VolumeInfo>(call, answer, volume.ok() ? size.error() : volume.error());
  }
  lookups_.look_up_until(
      deadline, *volume, [this, call, answer, id = *volume, size_bytes, operation, deadline](Result<VolumeInfo> info) {
        if (call->is_over) return;
        if (!info.ok()) return answer(with_volume(id, info.error()));
        if (size_bytes < info->size_bytes)
          return answer(no_effect(Code::OutOfRange, id.str() + ": cannot shrink from " + format_size(info->size_bytes) + " to " +
                                                        format_size(size_bytes) + ": shrinking would lose data"));
        calls_.limit<VolumeInfo>(call, deadline, id, answer);
        order_and_show(call, {id, OrderKind::Resize, {{"size_bytes", std::to_string(size_bytes)}}, operation}, answer);
      });
  return call;
}

DoorCallPtr ChangeDoor::refresh(const std::string& text, Time deadline, VolumeAnswer unsafe) {
  auto call = calls_.begin("refresh", text);
  auto answer = Calls::once<VolumeInfo>(call, std::move(unsafe));
  const auto volume = lookups_.checked(text);
  if (!volume.ok()) return calls_.refuse<VolumeInfo>(call, answer, volume.error());
  const auto read_at = calls_.runner().now();
  lookups_.look_up_until(deadline, *volume, [this, call, answer, id = *volume, deadline, read_at](Result<VolumeInfo> info) {
    if (call->is_over) return;
    if (!info.ok()) return answer(with_volume(id, info.error()));
    calls_.limit<VolumeInfo>(call, deadline, id, answer);
    const auto waiting = this->waiting(id);
    calls_.manager().respec_volume(id, {info->size_bytes, info->limits}, read_at);
    calls_.runner().post([this, call, answer, id, waiting, info = std::move(*info)] {  // behind the change
      if (call->is_over) return;
      wait_until_shown(call, id, waiting, [answer, info](const Status& shown) {
        if (!shown.ok()) return answer(shown.error());
        answer(info);
      });
    });
  });
  return call;
}

void ChangeDoor::order_and_show(const DoorCallPtr& call, const OrderRequest& request, const VolumeAnswer& answer) {
  const auto id = request.volume;
  calls_.order(call, request, [this, call, answer, id, waiting = waiting(id)](const Result<Facts>& outcome) {
    if (!outcome.ok()) return answer(with_volume(id, outcome.error()));
    wait_until_shown(call, id, waiting, [this, answer, id](const Status& shown) {
      if (!shown.ok()) return answer(shown.error());
      lookups_.look_up(id, answer);
    });
  });
}

std::set<TargetId> ChangeDoor::waiting(const VolumeId& volume) const {
  std::set<TargetId> waiting;
  for (const auto& report : calls_.manager().of_volume(volume))
    if (report.state == State::Waiting) waiting.insert(report.key.target);
  return waiting;
}

// Waits for each attachment in turn, until all its rungs match the spec.
void ChangeDoor::wait_until_shown(const DoorCallPtr& call, const VolumeId& volume, const std::set<TargetId>& waiting,
                                  const std::function<void(Status)>& done) {
  for (const auto& report : calls_.manager().of_volume(volume)) {
    const bool is_shown = report.state == State::Attached || report.state == State::Degraded;
    if (!report.is_desired || is_shown || report.state == State::Orphan) continue;
    const bool is_opened_later = report.state == State::Waiting || report.state == State::Fenced;
    if (is_opened_later || waiting.contains(report.key.target)) continue;  // with the new spec
    call->wait = calls_.manager().wait_until_up(report.key, [this, call, volume, waiting, done](const Status& status) {
      if (!status.ok() && status.error().code != Code::Aborted) return done(status);
      if (!call->is_over) wait_until_shown(call, volume, waiting, done);
    });
    return;
  }
  done(Ok{});
}

// Also while it is being mapped: the mapper is known only afterwards.
Status ChangeDoor::may_limit(const VolumeId& volume) const {
  TRY(lookups_.backends().at(backend_of(volume))->takes_limits());
  for (const auto& report : calls_.manager().of_volume(volume)) {
    if (report.key.target.str() != kHost) continue;
    for (const auto& rung : report.rungs) {
      if (rung.rung.kind != rungs::kMap || rung.state == "down") continue;
      if (fact(rung.facts, roles::kDeviceCanLimit) != "true")
        return cannot_limit(fact(rung.facts, roles::kDeviceMapper), *lookups_.backends().at(backend_of(volume)));
    }
  }
  return Ok{};
}

DoorCallPtr ChangeDoor::modify(const Modify& wanted, Time deadline, VolumeAnswer unsafe) {
  auto call = calls_.begin("modify", wanted.volume);
  auto answer = Calls::once<VolumeInfo>(call, std::move(unsafe));
  const auto volume = lookups_.checked(wanted.volume);
  const auto arguments = limits_in(wanted);
  if (!volume.ok() || !arguments.ok()) {
    return calls_.refuse<VolumeInfo>(call, answer, volume.ok() ? arguments.error() : volume.error());
  }
  lookups_.look_up_until(deadline, *volume,
                         [this, call, answer, id = *volume, arguments = *arguments, operation = wanted.operation,
                          deadline](const Result<VolumeInfo>& info) {
                           if (call->is_over) return;
                           if (!info.ok()) return answer(with_volume(id, info.error()));
                           const auto limits = modified(info->limits, arguments);
                           const auto may = !limits.ok() ? Status(limits.error()) : limits->empty() ? Status(Ok{}) : may_limit(id);
                           if (!may.ok()) return answer(with_volume(id, may.error()));
                           calls_.limit<VolumeInfo>(call, deadline, id, answer);
                           order_and_show(call, {id, OrderKind::Modify, arguments, operation}, answer);
                         });
  return call;
}

// Whatever name this node has the image under: its clients would be blocklisted with the others. An uncertain attachment may be in
// the middle of another node's fence, which this node may finish: the order Fence itself checks that.
Status ChangeDoor::may_fence(const VolumeInfo& info) const {
  const auto& world = calls_.manager().world();
  auto volumes = world.with_image(info.image);
  if (info.image.empty())
    if (const auto* volume = world.find(info.id)) volumes.push_back(volume);
  for (const auto* volume : volumes)
    for (const auto& [target, attachment] : volume->attachments)
      if (const auto& hold = attachment.rung({rungs::kHold, {}});
          hold.state != RungState::Down && hold.belief != Belief::Unverifiable)
        return no_effect(Code::FailedPrecondition, "this node holds it itself (" + to_text(attachment.key) +
                                                       "): detach it; a fence is only for volumes that another node holds");
  return Ok{};
}

DoorCallPtr ChangeDoor::cancel_orders(const std::string& text, Time deadline, std::function<void(Result<CancelledOrders>)> unsafe) {
  auto call = calls_.begin("cancel", text);
  auto answer = Calls::once<CancelledOrders>(call, std::move(unsafe));
  const auto volume = lookups_.checked(text);
  if (!volume.ok()) return calls_.refuse<CancelledOrders>(call, answer, volume.error());
  calls_.runner().post([this, call, answer, id = *volume, deadline] {
    if (call->is_over) return;
    calls_.limit<CancelledOrders>(call, deadline, id, answer);
    calls_.manager().cancel_orders(id, [answer](const CancelledOrders& orders) { answer(orders); });
  });
  return call;
}

DoorCallPtr ChangeDoor::fence(const Fence& wanted, Time deadline, FenceAnswer unsafe) {
  auto call = calls_.begin("fence", wanted.volume);
  auto answer = Calls::once<std::vector<std::string>>(call, std::move(unsafe));
  const auto volume = lookups_.checked(wanted.volume);
  if (!volume.ok()) {
    return calls_.refuse<std::vector<std::string>>(call, answer, volume.error());
  }
  lookups_.look_up_until(deadline, *volume, [this, call, answer, id = *volume, wanted, deadline](const Result<VolumeInfo>& info) {
    if (call->is_over) return;
    if (!info.ok()) return answer(with_volume(id, info.error()));
    const auto may = wanted.only_node.empty() ? may_fence(*info) : Status(Ok{});  // else the order itself checks it
    if (!may.ok()) return answer(with_volume(id, may.error()));
    Facts arguments;
    if (!wanted.whole_node.empty()) arguments["whole_node"] = wanted.whole_node;
    if (!wanted.only_node.empty()) arguments["node"] = wanted.only_node;
    if (!wanted.held_since.empty()) arguments["held_since"] = wanted.held_since;
    calls_.limit<std::vector<std::string>>(call, deadline, id, answer);
    calls_.order(call, {id, OrderKind::Fence, arguments, wanted.operation}, [answer, id](const Result<Facts>& outcome) {
      if (!outcome.ok()) return answer(with_volume(id, outcome.error()));
      const auto fenced = outcome->find("fenced");
      answer(split(fenced == outcome->end() ? std::string{} : fenced->second));
    });
  });
  return call;
}

}  // namespace blockplug
