// SPDX-License-Identifier: Apache-2.0
#pragma once
// A unary call of a gRPC service that waits for the door, on the callback API: it holds no thread while it waits. For .cc files
// only, because it includes gRPC.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "volume-plugin/door/door.h"

namespace blockplug {

// Cancelling it leaves its request pending.
class WaitingCall : public grpc::ServerUnaryReactor {
 public:
  explicit WaitingCall(Door& door) : door_(door) {}
  void waits_for(DoorCallPtr call) {
    const std::lock_guard lock(mutex_);
    call_ = std::move(call);
    if (is_cancelled_) door_.cancel(call_);
  }
  void OnCancel() override {
    const auto keep = self_;  // OnDone may run as soon as the call is finished
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    if (call_) door_.cancel(call_);
    if (!std::exchange(is_finished_, true)) Finish(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    // The core thread may still hold a reference for an answer that is no longer needed.
    auto last = std::move(self_);
  }
  void finish(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(is_finished_, true)) Finish(status);
  }
  // `fill` writes the response, which lives until the call is done: never after OnCancel.
  void finish(const std::function<void()>& fill) {
    const std::lock_guard lock(mutex_);
    if (is_finished_) return;
    fill();
    is_finished_ = true;
    Finish(grpc::Status::OK);
  }
  bool is_over() const {
    const std::lock_guard lock(mutex_);
    return is_finished_;
  }
  static std::shared_ptr<WaitingCall> make(Door& door) {
    auto made = std::make_shared<WaitingCall>(door);
    made->self_ = made;
    return made;
  }

 private:
  Door& door_;
  mutable std::mutex mutex_;
  DoorCallPtr call_;
  bool is_cancelled_{}, is_finished_{};
  std::shared_ptr<WaitingCall> self_;
};

// When a call is answered at the latest: before the caller's deadline, so that it receives the reason.
inline Time deadline_of(const grpc::CallbackServerContext& context, std::chrono::milliseconds longest_wait) {
  constexpr std::chrono::milliseconds kAnswerBefore{1000};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(context.deadline() - WallClock::now()) - kAnswerBefore;
  return Clock::now() + std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds(10), longest_wait);
}

}  // namespace blockplug
