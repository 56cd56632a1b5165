// SPDX-License-Identifier: Apache-2.0
#include "attach-detach/waiters.h"

namespace blockplug {

WaitId Waiters::add(const AttachmentKey& key, Goal goal, std::optional<RungId> part, Settled settled) {
  attachments_[key].push_back({++last_, goal, std::move(part), std::move(settled)});
  key_of_[last_] = key;
  return last_;
}

WaitId Waiters::add(std::int64_t order, OrderSettled settled) {
  orders_[order].emplace_back(++last_, std::move(settled));
  order_of_[last_] = order;
  return last_;
}

void Waiters::abandon(WaitId id) {
  if (const auto found = key_of_.find(id); found != key_of_.end()) {
    auto& waiting = attachments_[found->second];
    std::erase_if(waiting, [&](const Waiter& waiter) { return waiter.id == id; });
    if (waiting.empty()) attachments_.erase(found->second);
    key_of_.erase(found);
  }
  if (const auto found = order_of_.find(id); found != order_of_.end()) {
    std::erase_if(orders_[found->second], [&](const auto& waiter) { return waiter.first == id; });
    order_of_.erase(found);
  }
}

void Waiters::answer(const AttachmentKey& key, Goal goal, const Status& status,
                     const std::function<bool(const std::optional<RungId>&)>& is_meant) {
  const auto found = attachments_.find(key);
  if (found == attachments_.end()) return;
  std::erase_if(found->second, [&](Waiter& waiter) {
    if (waiter.goal != goal || !is_meant(waiter.part)) return false;
    key_of_.erase(waiter.id);
    if (waiter.settled) runner_.post([settled = std::move(waiter.settled), status] { settled(status); });
    return true;
  });
  if (found->second.empty()) attachments_.erase(found);
}

void Waiters::answer_all(const AttachmentKey& key, Goal goal, const Status& status) {
  answer(key, goal, status, [](const std::optional<RungId>&) { return true; });
}

void Waiters::answer(std::int64_t order, const Result<Facts>& outcome) {
  const auto found = orders_.find(order);
  if (found == orders_.end()) return;
  for (auto& [id, settled] : found->second) {
    order_of_.erase(id);
    if (settled) runner_.post([settled = std::move(settled), outcome] { settled(outcome); });
  }
  orders_.erase(found);
}

}  // namespace blockplug
