// SPDX-License-Identifier: Apache-2.0
#pragma once
// The production SqliteStore under simulated time: commits become durable later, in order, or not at all when a crash comes first.
#include <deque>
#include <memory>
#include <set>

#include "attach-detach/sqlite_store.h"
#include "tests/sim/sim_runner.h"

namespace blockplug::sim {

struct StoreFaults {
  double crash_before{}, crash_after{}, full{};
};

class SimStore : public Store {
 public:
  SimStore(std::unique_ptr<SqliteStore> file, SimRunner& runner, Random& random, StoreFaults& faults)
      : file_(std::move(file)), runner_(runner), random_(random), faults_(faults) {}
  Result<Saved> load() override;
  void commit(Changes changes, Urgency urgency, std::function<void(Status)> told) override;
  Status keep(Change change) override;
  bool is_low_on_space() const override { return false; }

  // S3: is it durably written that a step on this rung may have begun?
  bool has_intent(const AttachmentKey& key, const RungId& rung) const { return intents_.contains({key, rung}); }
  // S5: what was not down when this life began.
  const std::set<std::pair<AttachmentKey, RungId>>& loaded() const { return loaded_; }
  std::int64_t last_order() const { return last_order_; }  // as it was loaded
  bool has_crashed{};
  int struck{};

 private:
  struct Batch {
    Changes changes;
    std::function<void(Status)> told;
  };
  void write_next();
  std::chrono::milliseconds delay() {
    return std::chrono::milliseconds(random_.chance(0.1) ? random_.below(1000) : random_.below(10));
  }
  Status write(const Changes& changes);
  void note(const Change& change);

  std::unique_ptr<SqliteStore> file_;
  SimRunner& runner_;
  Random& random_;
  StoreFaults& faults_;
  std::deque<Batch> waiting_;
  std::int64_t last_order_{};
  std::set<std::pair<AttachmentKey, RungId>> intents_, loaded_;
};

}  // namespace blockplug::sim
