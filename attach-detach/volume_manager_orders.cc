// SPDX-License-Identifier: Apache-2.0
// VolumeManager: one-time actions on a volume (create, resize, delete), and taking them back.
#include <algorithm>

#include "attach-detach/changes.h"
#include "attach-detach/volume_manager.h"

namespace blockplug {
namespace {
constexpr std::size_t kMostOrdersPerVolume = 16;

// The equal repeat joins the last one; a fence, which goes before others, any.
const OrderRecord* equal_order(const Volume& volume, const OrderRequest& request) {
  const auto is_equal = [&](const OrderRecord& each) {
    return each.order.kind == request.kind && each.order.arguments == request.arguments;
  };
  if (volume.orders.empty()) return nullptr;
  if (request.kind != OrderKind::Fence) return is_equal(volume.orders.back()) ? &volume.orders.back() : nullptr;
  const auto found = std::ranges::find_if(volume.orders, is_equal);
  return found == volume.orders.end() ? nullptr : &*found;
}
}  // namespace

Status VolumeManager::may_order(const OrderRequest& request) const {
  const auto what = std::string(to_text(request.kind)) + " " + request.volume.str() + ": ";
  if (parts_.ladders.performer(request.volume) == nullptr)
    return no_effect(Code::NotFound, what + "no backend '" + backend_of(request.volume) + "' is configured");
  if (request.kind != OrderKind::Delete && request.kind != OrderKind::Fence && parts_.store.is_low_on_space())
    return no_effect(Code::ResourceExhausted, what + "the disk of state_dir is full; make room there");
  const auto* volume = world_.find(request.volume);
  if (volume == nullptr) return Ok{};
  if (volume->orders.size() >= kMostOrdersPerVolume && request.kind != OrderKind::Fence)  // they may all wait for it
    return no_effect(Code::ResourceExhausted, what + "too many orders wait for this volume already; see `blockplug queue`");
  if (request.kind != OrderKind::Delete) return Ok{};
  for (const auto& [target, attachment] : volume->attachments)
    if (attachment.desired.attached)
      return no_effect(Code::FailedPrecondition, what + "it is attached to " + target.str() + ". Detach it first");
  for (const auto* other : world_.sharing_image(*volume))
    for (const auto& [target, attachment] : other->attachments)
      if (attachment.desired.attached)
        return no_effect(Code::FailedPrecondition,
                         what + "its image is attached as " + to_text(attachment.key) + ". Detach that first");
  return Ok{};
}

Result<WaitId> VolumeManager::order(const OrderRequest& request, OrderSettled settled) {
  if (const auto* known = world_.find(request.volume))
    if (const auto* equal = equal_order(*known, request)) {
      const auto id = waiters_.add(equal->order.id, std::move(settled));
      executor_.retry_now(request.volume);
      return id;
    }
  TRY(may_order(request));
  if (world_.find(request.volume) == nullptr) executor_.save(request.volume, PutVolume{request.volume, {}});
  auto& volume = world_.volumes[request.volume];
  volume.id = request.volume;
  OrderRecord record;
  record.order = {++last_order_, request.volume, request.kind, request.arguments};
  record.operation = request.operation;
  executor_.save(request.volume, PutOrder{record.order, {}});
  const auto id = waiters_.add(record.order.id, std::move(settled));
  const auto* running = executor_.running(request.volume);
  const bool is_front_running = running != nullptr && running->step.kind == Step::Kind::Perform;
  volume.orders.push_back(std::move(record));
  put_fences_first(volume.orders, is_front_running ? 1 : 0);
  executor_.touch(request.volume);
  return id;
}

void VolumeManager::cancel_orders(const VolumeId& id, std::function<void(const CancelledOrders&)> told) {
  auto* volume = world_.find(id);
  if (volume == nullptr) return parts_.runner.post([told = std::move(told)] { told({}); });
  CancelledOrders orders;
  const auto* running = executor_.running(id);
  std::erase_if(volume->orders, [&](const OrderRecord& record) {
    const bool runs = running != nullptr && running->step.kind == Step::Kind::Perform && running->step.order == record.order.id;
    const bool has_begun = runs || record.kept.contains(kBegunFact);
    (has_begun ? orders.begun : orders.cancelled).push_back(record.order);
    if (!has_begun) executor_.save(id, ForgetOrder{record.order.id});
    return !has_begun;
  });
  const bool is_news = !orders.cancelled.empty();
  cancelling_[id].push_back({std::move(orders), std::move(told)});
  if (is_news) executor_.orders_changed(id);
  settle(id);
}

void VolumeManager::tell_cancelled(const VolumeId& id) {
  const auto found = cancelling_.find(id);
  if (found == cancelling_.end()) return;
  for (auto& [orders, told] : found->second) {
    for (const auto& order : orders.cancelled)
      waiters_.answer(order.id, no_effect(Code::Aborted, std::string(to_text(order.kind)) + " " + id.str() + ": it was cancelled"));
    parts_.runner.post([orders = std::move(orders), told = std::move(told)] { told(orders); });
  }
  cancelling_.erase(found);
}

void VolumeManager::order_done(const OrderRecord& record, const Result<Facts>& outcome) {
  waiters_.answer(record.order.id, outcome);
}

}  // namespace blockplug
