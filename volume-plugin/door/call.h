// SPDX-License-Identifier: Apache-2.0
#pragma once
// What all calls at the door share: one answer, a deadline, an end before that.
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "attach-detach/backend.h"
#include "attach-detach/volume_manager.h"

namespace blockplug {

// One call in progress: cancelling it leaves its request pending.
class DoorCall {
 public:
  bool is_over{};  // core thread only
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
  Calls(VolumeManager& manager, Runner& runner) : manager_(manager), runner_(runner) {}
  VolumeManager& manager() const { return manager_; }
  Runner& runner() const { return runner_; }
  void cancel(const DoorCallPtr& call) const;  // any thread

  // An answer is given once; what comes later (a deadline, a cancelled call) finds the call over.
  template <typename T>
  static std::function<void(Result<T>)> once(const DoorCallPtr& call, std::function<void(Result<T>)> answer) {
    return [call, answer = std::move(answer)](Result<T> result) {
      if (std::exchange(call->is_over, true)) return;
      call->until_over.reset();
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
};

}  // namespace blockplug
