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

#include "attach-detach/planner.h"
#include "attach-detach/runner.h"
#include "attach-detach/store.h"

namespace blockplug {

// All volumes that have a wish, a rung that is not down, or an order.
struct World {
  std::map<VolumeId, Volume> volumes;
  std::unordered_map<ImageId, std::vector<VolumeId>> by_image;

  Volume* find(const VolumeId& id);
  const Volume* find(const VolumeId& id) const;
  std::vector<const Volume*> with_image(const ImageId& image) const;
  std::vector<const Volume*> sharing_image(const Volume& volume) const;  // without the volume itself
  void set_image(Volume& volume, const ImageId& image);
};

// A step that has ended, for logs and metrics.
struct StepEnd {
  std::string subject;      // "local/a to vm:web-0"
  std::string text;         // "raise open: done", "plug: no free slot"
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
    std::function<void(const VolumeId&)> after_change;                             // may erase the volume
    std::function<void(const OrderRecord&, const Result<Facts>&)> after_order;     // performed, or failed for good
    std::function<void(const StepEnd&)> on_step;                                   // may be empty
  };
  explicit Executor(Parts parts);

  void consider(const VolumeId& id);              // plan and begin, if nothing of it runs
  void touch(const VolumeId& id);                 // whatever was waited for may have come
  void doubt(const VolumeId& id, const TargetId* target, Trust trust);  // rungs at the target (all: nullptr) are to be probed
  void wish_changed(const VolumeId& id);          // tells a running step, forgets backoff and waits, considers
  void retry_now(const VolumeId& id);             // the same wish again: forgets backoff, considers
  void save(const VolumeId& id, Change change);   // goes with the volume's next commit
  // Is every wish of the volume durable? If not, it is being made so, and after_change comes then: nobody is told before.
  bool is_wish_stored(const VolumeId& id);
  void forget(const VolumeId& id);                // nothing is left of it: drop what is kept beside the world
  void stop();                                    // begins nothing more; tells running steps

  const Running* running(const VolumeId& id) const;
  std::size_t running_count() const { return running_count_; }

 private:
  struct Activity {
    std::optional<Running> running;
    Mark mark_before{};
    std::stop_source stop{std::nostopstate};
    bool was_touched{};              // while a step ran
    std::optional<Trust> doubt;      // the same
    std::optional<TargetId> doubt_target;
    std::uint64_t wishes{}, stored_wishes{};  // when its wishes last changed, and up to when they are durable
    Changes unsaved;
    bool needs_full_save{};          // a commit failed: the next one carries everything of the volume
    std::shared_ptr<int> unanswered = std::make_shared<int>();  // commits: while there are any, one may yet fail
    std::optional<Time> wake;
  };
  class KeepingJournal;

  static bool is_idle(const Activity& activity);
  void begin(Volume& volume, const Step& step);
  void begin_probe(Volume& volume, const Step& step, const RungPlan& plan);
  void begin_change(Volume& volume, const Step& step, const RungPlan& plan);
  void begin_order(Volume& volume, const Step& step);
  void write_ahead(Volume& volume, const Step& step, std::vector<RungId>& written);
  void commit(Volume& volume, std::function<void(Status)> told);
  Changes take_unsaved(Volume& volume);
  void start_rung_job(const VolumeId& id, const Step& step);
  void start_order_job(const VolumeId& id, const Step& step);
  void intent_failed(const VolumeId& id, const Error& error);
  void end_rung(const VolumeId& id, const Job::Answer& answer, const Facts& kept);
  void end_order(const VolumeId& id, const Job::Answer& answer, const Facts& kept);
  void end_probe(Attachment& attachment, const Step& step, const Finding& finding);
  void end_change(Attachment& attachment, const Step& step, const Attempt& attempt, const Facts& kept);
  void raised(Attachment& attachment, const RungId& id, RungRecord& record, const Done& done);
  void lowered(Attachment& attachment, const RungId& id);
  void forget_rung(Attachment& attachment, const RungId& id);
  void forget_access_where_down(Attachment& attachment);
  void failed(Attachment& attachment, const Step& step, RungRecord& record, const Error& error);
  bool withdraw_new_leaves(Attachment& attachment, const Error& error);
  void withdraw(Attachment& attachment, const RungId& id, const Error& error);
  void set_mark(Attachment& attachment, const RungId& id, Mark mark);
  void save_rung(const Attachment& attachment, const RungId& id);
  void resized(Volume& volume, std::int64_t size_bytes);
  void limited(Volume& volume, const Facts& facts);
  void ask_all_rungs(Volume& volume);
  void finish(const VolumeId& id);
  void tell(const VolumeId& id, const Running& running, const Job::Answer& answer) const;
  void mend_broken(Volume& volume);
  void wake_at(const VolumeId& id, Time time);

  Parts parts_;
  std::unordered_map<VolumeId, Activity> activities_;
  std::size_t running_count_{};
  std::uint64_t operations_{};
  std::uint64_t wish_clock_{};
  bool is_stopping_{};
};

}  // namespace blockplug
