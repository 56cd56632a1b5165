// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the service's methods share. For this folder's .cc files only, because it includes gRPC.
#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "attach-detach/utf8.h"
#include "volume-plugin/admin/service.h"

namespace blockplug::admin {

// The details say whether nothing was changed and nothing stays pending; a code alone cannot.
inline grpc::Status to_status(const Error& error) {
  return {static_cast<grpc::StatusCode>(error.code), as_utf8(error.message), error.effect == Effect::None ? "no effect" : ""};
}

// A unary call that can be cancelled while it waits.
class Waiting : public grpc::ServerUnaryReactor {
 public:
  explicit Waiting(Door& door) : door_(door) {}
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
  static std::shared_ptr<Waiting> make(Door& door) {
    auto made = std::make_shared<Waiting>(door);
    made->self_ = made;
    return made;
  }

 private:
  Door& door_;
  std::mutex mutex_;
  DoorCallPtr call_;
  bool is_cancelled_{}, is_finished_{};
  std::shared_ptr<Waiting> self_;
};

inline Time deadline_of(const grpc::CallbackServerContext& context) {
  constexpr std::chrono::hours kLongestWait{1};
  constexpr std::chrono::milliseconds kAnswerBefore{1000};  // before the caller's deadline, so that it receives the reason
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(context.deadline() - WallClock::now()) - kAnswerBefore;
  return Clock::now() + std::clamp<std::chrono::milliseconds>(left, std::chrono::milliseconds(10), kLongestWait);
}

// Turns the door's answer into the call's: `fill` writes the response.
template <typename T>
std::function<void(Result<T>)> answer_with(const std::shared_ptr<Waiting>& reactor, std::function<void(const T&)> fill) {
  return [reactor, fill = std::move(fill)](const Result<T>& answer) {
    if (!answer.ok()) return reactor->finish(to_status(answer.error()));
    reactor->finish([&] { fill(*answer); });
  };
}

inline std::function<void(Status)> status_answer(const std::shared_ptr<Waiting>& reactor) {
  return [reactor](const Status& status) { reactor->finish(status.ok() ? grpc::Status::OK : to_status(status.error())); };
}

}  // namespace blockplug::admin
