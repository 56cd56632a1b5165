// SPDX-License-Identifier: Apache-2.0
#pragma once
// What all calls at the door share: one answer, a deadline, an end before that.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "attach-detach/backend.h"
#include "attach-detach/volume_manager.h"

namespace blockplug {

// A call that has ended, for metrics. Core thread, or the thread that refused it.
struct DoorCallEnd {
  std::string kind;    // "attach"
  std::string volume;  // as the caller wrote it, or the backend's name alone; may be anything
  std::optional<Code> error;
  std::chrono::milliseconds took{};
};

// One call in progress: cancelling it leaves its request pending.
class DoorCall {
 public:
  void end(std::optional<Code> error) const {
    if (!on_end) return;
    on_end({kind, volume, error, std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun)});
  }
  std::string kind, volume;
  Time begun{};
  std::function<void(const DoorCallEnd&)> on_end{};  // empty: nobody counts it
  bool is_over{};                                    // core thread only
  std::shared_ptr<const void> until_over = std::make_shared<char>();
  WaitId wait{};
};
using DoorCallPtr = std::shared_ptr<DoorCall>;

using StatusAnswer = std::function<void(Status)>;
using VolumeAnswer = std::function<void(Result<VolumeInfo>)>;

inline Error with_volume(const VolumeId& volume, Error error) { return within(volume.str(), std::move(error)); }

// Given to each part of the door; owned by Door.
class Calls {
 public:
  Calls(VolumeManager& manager, Runner& runner, std::function<void(const DoorCallEnd&)> on_end)
      : manager_(manager), runner_(runner), on_end_(std::move(on_end)) {}
  DoorCallPtr begin(std::string kind, std::string volume) const;
  VolumeManager& manager() const { return manager_; }
  Runner& runner() const { return runner_; }
  void cancel(const DoorCallPtr& call) const;  // any thread

  // An answer is given once; what comes later (a deadline, a cancelled call) finds the call over.
  template <typename T>
  static std::function<void(Result<T>)> once(const DoorCallPtr& call, std::function<void(Result<T>)> answer) {
    return [call, answer = std::move(answer)](Result<T> result) {
      if (std::exchange(call->is_over, true)) return;
      call->until_over.reset();
      call->end(result.ok() ? std::nullopt : std::optional(result.error().code));
      answer(std::move(result));
    };
  }

  // Refused before anything was looked at.
  template <typename T>
  DoorCallPtr refuse(const DoorCallPtr& call, std::function<void(Result<T>)> answer, Error error) const {
    runner_.post([answer = std::move(answer), error = std::move(error)] { answer(error); });
    return call;
  }

  // At the deadline the caller hears what is waited for; the desired state stays.
  template <typename T>
  void limit(const DoorCallPtr& call, Time deadline, const VolumeId& volume, std::function<void(Result<T>)> answer) const {
    const auto end = [this, call, volume, answer = std::move(answer)] {
      if (call->is_over) return;
      manager_.abandon(call->wait);
      answer(what_is_waited_for(volume));
    };
    runner_.at(deadline, end, call->until_over);
  }

  // Core thread.
  void order(const DoorCallPtr& call, const OrderRequest& request, const OrderSettled& settled) const;

 private:
  Error what_is_waited_for(const VolumeId& volume) const;
  VolumeManager& manager_;
  Runner& runner_;
  const std::function<void(const DoorCallEnd&)> on_end_;
};

}  // namespace blockplug
