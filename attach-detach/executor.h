// SPDX-License-Identifier: Apache-2.0
#pragma once
// Decide, write down, do, write down. Takes the planner's step of one volume at a time, on the core thread.
//
//   consider → plan → intent durable → job in its lane → outcome → consider …
//
// Its only side effects are Store and Runner. It does not know callers: `after_change` tells the Volume Manager.
// A whole climb (or descent) is written down ahead as Doubtful in its first commit, so that it waits for the disk once.
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "attach-detach/leaf_paths.h"
#include "attach-detach/planner.h"
#include "attach-detach/runner.h"
#include "attach-detach/store.h"

namespace blockplug {

// All volumes that have a desired state, a rung that is not down, or an order.
struct World {
  std::map<VolumeId, Volume> volumes;
  std::unordered_map<ImageId, std::vector<VolumeId>> by_image;
  LeafPaths paths;  // of every leaf that was desired, until its volume is forgotten

  Volume* find(const VolumeId& id);
  const Volume* find(const VolumeId& id) const;
  std::vector<const Volume*> with_image(const ImageId& image) const;
  std::vector<const Volume*> sharing_image(const Volume& volume) const;  // without the volume itself
  void set_image(Volume& volume, const ImageId& image);
  LeafWaits leaf_waits(const Volume& volume) const;
};

// A step that has ended, for logs and metrics.
struct StepEnd {
  VolumeId volume;
  Step::Kind kind{};
  std::string what;     // the rung's kind, or the order's: "open", "resize"
  std::string subject;  // "local/a to vm:web-0"
  std::string text;     // "raise open: done", "plug: no free slot"
  std::string operation;
  std::chrono::milliseconds took{};
  enum class Outcome : std::uint8_t { Done, Waiting, Failed } outcome{};
};

// A step that has begun.
struct Running {
  Step step;
  std::string operation;
  Time begun{};
  std::chrono::milliseconds limit{};
  bool is_in_lane{};  // false: its intent is still being written
};

class Executor {
 public:
  struct Parts {
    World& world;
    Store& store;
    Runner& runner;
    const Ladders& ladders;
    std::function<void(const VolumeId&)> after_change;                          // may erase the volume
    std::function<void(const OrderRecord&, const Result<Facts>&)> after_order;  // performed, or failed for good
    std::function<void(const StepEnd&)> on_step;                                // may be empty
  };
  explicit Executor(Parts parts);

  void consider(const VolumeId& id);                                      // plan and begin, if nothing of it runs
  void touch(const VolumeId& id);                                         // whatever was waited for may have come
  void doubt(const VolumeId& id, const TargetId* target, Belief belief);  // rungs at the target (all: nullptr) are to be probed
  void respec(const VolumeId& id, const SpecChange& seen, Time read_at);  // see EventSink::respec_volume
  void orders_changed(const VolumeId& id);       // some were cancelled: nobody is told before that is durable
  void desired_changed(const VolumeId& id);      // tells a running step, forgets backoff and waits, considers
  void retry_now(const VolumeId& id);            // the same desired state again: forgets backoff, considers
  void save(const VolumeId& id, Change change);  // goes with the volume's next commit
  // A fence took it: has a call asked for it since? Goes with the volume's next commit too.
  void set_asked_again(Attachment& attachment, bool is_asked);
  // Is every desired state of the volume durable? If not, it is being made so, and after_change comes then: nobody is told before.
  bool is_desired_stored(const VolumeId& id);
  void forget(const VolumeId& id);  // nothing is left of it: drop what is kept beside the world
  void stop();                      // begins nothing more; tells running steps

  const Running* running(const VolumeId& id) const;

 private:
  struct Activity {
    std::optional<Running> running;
    RungState state_before{};
    bool was_begun{};  // an order: its effect, by an earlier attempt
    std::stop_source stop{std::nostopstate};
    bool was_touched{};           // while a step ran
    std::optional<Belief> doubt;  // the same
    std::optional<TargetId> doubt_target;
    // When last something changed that must be durable before anybody relies on it, and up to when it is durable: a desired state,
    // which image it is, that what was being lowered stays after all.
    std::uint64_t all_desired{}, stored_desired{};
    Changes unsaved;
    std::uint64_t failed_commits{};                             // one that was given before the last of them proves nothing
    bool needs_full_save{};                                     // a commit failed: the next one carries everything of the volume
    bool needs_save_beside{};                                   // the same, while a step runs that keeps facts itself
    std::shared_ptr<int> unanswered = std::make_shared<int>();  // commits: while there are any, one may yet fail
    std::optional<Time> wake;
  };
  class KeepingJournal;

  static bool is_idle(const Activity& activity);
  static bool is_durable(const Activity& activity) { return activity.all_desired <= activity.stored_desired; }
  void must_be_durable(const VolumeId& id) { activities_[id].all_desired = ++desired_clock_; }
  void begin(Volume& volume, const Step& step);
  void begin_probe(Volume& volume, const Step& step, const RungPlan& plan);
  void begin_change(Volume& volume, const Step& step, const RungPlan& plan);
  void begin_order(Volume& volume, const Step& step);
  void write_ahead(Volume& volume, const Step& step, std::vector<RungId>& written);
  void write_intent(Volume& volume, const Step& step, std::vector<RungId> written);
  void commit(Volume& volume, std::function<void(Status)> told);
  void commit(const VolumeId& id, Changes changes, std::function<void(Status)> told);
  void commit_beside(Volume& volume);
  Changes take_unsaved(Volume& volume);
  void start_rung_job(const VolumeId& id, const Step& step);
  void start_order_job(const VolumeId& id, const Step& step);
  void intent_failed(const VolumeId& id, const Error& error);
  void end_rung(const VolumeId& id, const Job::Answer& answer, const Facts& kept);
  void end_order(const VolumeId& id, const Job::Answer& answer, const Facts& kept);
  void end_probe(Attachment& attachment, const Step& step, const Finding& finding);
  void end_change(Attachment& attachment, const Step& step, const Attempt& attempt, const Facts& kept);
  void raised(Attachment& attachment, const RungId& id, RungRecord& record, const Done& done);
  void learn_image(Attachment& attachment, const RungId& id, const Facts& facts);
  const Attachment* rival_of(const Attachment& attachment) const;
  void lowered(Attachment& attachment, const RungId& id);
  void forget_rung(Attachment& attachment, const RungId& id);
  void forget_access_where_down(Attachment& attachment);
  void consider_sharing(const VolumeId& id);
  void failed(Attachment& attachment, const Step& step, RungRecord& record, const Error& error);
  void must_be_durable_first(Attachment& attachment);
  bool withdraw_new_leaves(Attachment& attachment, const Error& error);
  void withdraw(Attachment& attachment, const RungId& id, const Error& error);
  void set_state(Attachment& attachment, const RungId& id, RungState state);
  void save_rung(const Attachment& attachment, const RungId& id);
  void respec(Volume& volume, const SpecChange& change);
  void doubt_above(Attachment& attachment, const RungId& id);
  void doubt(RungRecord& record, bool is_bookkeeping_rung, Belief belief);
  void finish(const VolumeId& id);
  void tell(const VolumeId& id, const Running& running, const Job::Answer& answer) const;
  void mend_broken(Volume& volume);
  void wake_at(const VolumeId& id, Time time);

  Parts parts_;
  std::unordered_map<VolumeId, Activity> activities_;
  std::uint64_t operations_{};
  std::uint64_t desired_clock_{};
  bool is_stopping_{};
};

}  // namespace blockplug
