// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/door/call.h"

namespace blockplug {

DoorCallPtr Calls::begin(std::string kind, std::string volume) const {
  auto call = std::make_shared<DoorCall>();
  call->kind = std::move(kind);
  call->volume = std::move(volume);
  call->begun = Clock::now();
  call->on_end = on_end_;
  return call;
}

void Calls::cancel(const DoorCallPtr& call) const {
  runner_.post([this, call] {
    if (std::exchange(call->is_over, true)) return;
    call->until_over.reset();
    call->end(Code::Cancelled);
    manager_.abandon(call->wait);
  });
}

void Calls::order(const DoorCallPtr& call, const OrderRequest& request, const OrderSettled& settled) const {
  const auto accepted = manager_.order(request, settled);
  if (!accepted.ok()) return settled(accepted.error());
  call->wait = *accepted;
}

Error Calls::what_is_waited_for(const VolumeId& volume) const {
  std::string text = volume.str() + ": timed out; the request is still pending.";
  for (const auto& report : manager_.of_volume(volume)) text += " " + report.key.target.str() + ": " + summary(report) + ".";
  for (const auto& entry : manager_.queue())
    if (entry.volume == volume && entry.what.starts_with("order"))
      text += " " + entry.what + ": " + entry.state + (entry.note.empty() ? "" : ": " + entry.note) + ".";
  return maybe_effect(Code::DeadlineExceeded, text);
}

}  // namespace blockplug
