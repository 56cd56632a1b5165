// SPDX-License-Identifier: Apache-2.0
#pragma once
// Callers that wait for the world. Core thread only; answers are posted, so that a caller may call again from its answer.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "attach-detach/runner.h"

namespace blockplug {

using WaitId = std::uint64_t;
using Settled = std::function<void(Status)>;
using OrderSettled = std::function<void(Result<Facts>)>;

enum class Goal : std::uint8_t { Up, Down };

class Waiters {
 public:
  explicit Waiters(Runner& runner) : runner_(runner) {}
  // `part`: only this leaf (and the trunk under it), or the trunk up to this rung; none: all of the attachment.
  WaitId add(const AttachmentKey& key, Goal goal, std::optional<RungId> part, Settled settled);
  WaitId add(std::int64_t order, OrderSettled settled);
  void abandon(WaitId id);

  // Answers those of the attachment that wait for `goal`, and for which `is_meant` (given their part, if any) is true.
  void answer(const AttachmentKey& key, Goal goal, const Status& status,
              const std::function<bool(const std::optional<RungId>&)>& is_meant);
  void answer_all(const AttachmentKey& key, Goal goal, const Status& status);
  void answer(std::int64_t order, const Result<Facts>& outcome);

 private:
  struct Waiter {
    WaitId id{};
    Goal goal{};
    std::optional<RungId> part;
    Settled settled;
  };
  Runner& runner_;
  WaitId last_{};
  std::map<AttachmentKey, std::vector<Waiter>> attachments_;
  std::map<std::int64_t, std::vector<std::pair<WaitId, OrderSettled>>> orders_;
  std::map<WaitId, AttachmentKey> key_of_;
  std::map<WaitId, std::int64_t> order_of_;
};

}  // namespace blockplug
