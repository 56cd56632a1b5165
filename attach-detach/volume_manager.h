// SPDX-License-Identifier: Apache-2.0
#pragma once
// The Volume Manager: takes desired states at the door, keeps the world, tells callers when it is so.
//
// Everything but the EventSink runs on the core thread (Runner::post gets you there). It owns the world and the executor; it does
// not know backends, VMs or callers.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "attach-detach/events.h"
#include "attach-detach/executor.h"
#include "attach-detach/orphans.h"
#include "attach-detach/report.h"
#include "attach-detach/waiters.h"

namespace blockplug {

struct AttachRequest {
  AttachmentKey key;
  ImageId image;  // what the backend says is there; empty: a rung will say it (roles::kImageId)
  Spec spec;
  bool may_share{};
  std::optional<RungKind> up_to;
  Origin origin{Origin::Person};
  std::optional<std::pair<RungId, LeafSpec>> leaf;
  std::string operation;           // id for logs, from the call to the last command
  std::optional<RungKind> enough;  // the caller waits only for this rung of the trunk; none: for all that is asked for
};

// GoesOnlyBare (without a leaf named): refused while a leaf is desired or may be up.
enum class Trunk : std::uint8_t { GoesWithLastLeaf, Stays, GoesOnlyBare };
struct DetachRequest {
  AttachmentKey key;
  std::optional<RungId> leaf;  // none: all of it
  Trunk trunk{Trunk::GoesWithLastLeaf};
  std::string operation;
  bool by_force{};  // see LowerReason::Forced
};

struct OrderRequest {
  VolumeId volume;
  OrderKind kind{};
  Facts arguments;
  std::string operation;
};

// What came of cancelling a volume's orders. Begun: one that runs, or ran and may have had an effect; it is performed to its end.
struct CancelledOrders {
  std::vector<Order> cancelled, begun;
};

class VolumeManager : public EventSink {
 public:
  struct Options {
    std::string boot_id;
    std::chrono::milliseconds resync{std::chrono::minutes(5)};
    std::function<void(const StepEnd&)> on_step{};     // for logs and metrics; core thread
    std::function<void(const VolumeId&)> on_change{};  // something of it may look different; core thread
  };
  struct Parts {
    Store& store;
    Runner& runner;
    const Ladders& ladders;
    Options options;
  };
  explicit VolumeManager(Parts parts);
  ~VolumeManager() override;

  Status start();  // reads the store, withdraws what ends with a boot after a reboot, probes everything
  void stop();     // begins nothing more; what runs is told to give up where that is safe

  // The door. An error: refused, nothing was changed. Otherwise `settled` is called once: when it is so; with why the desired state
  // was withdrawn (its rungs are down by then); or Aborted when the opposite was desired meanwhile.
  Result<WaitId> attach(const AttachRequest& request, Settled settled);
  Result<WaitId> detach(const DetachRequest& request, Settled settled);
  Result<WaitId> order(const OrderRequest& request, OrderSettled settled);
  // Whoever waits for one that is cancelled hears ABORTED. `told` comes once that is durable.
  void cancel_orders(const VolumeId& volume, std::function<void(const CancelledOrders&)> told);
  WaitId wait_until_up(const AttachmentKey& key, Settled settled);  // joins the desired state as it is; Aborted where there is none
  void abandon(WaitId wait);                                        // the caller has gone; the desired state stays

  std::vector<AttachmentReport> list() const;
  const std::map<AttachmentKey, std::vector<Found>>& orphans() const { return orphans_.known(); }
  std::optional<AttachmentReport> explain(const AttachmentKey& key) const;
  std::vector<AttachmentReport> of_volume(const VolumeId& volume) const;
  std::vector<QueueEntry> queue() const;
  std::vector<PlanEntry> plan_all() const;

  // EventSink: thread-safe.
  void touch_volume(const VolumeId& volume) override;
  void doubt_volume(const VolumeId& volume) override;
  void doubt_attachment(const AttachmentKey& attachment) override;
  void respec_volume(const VolumeId& volume, const SpecChange& seen, Time read_at) override;
  void doubt_target(const TargetId& target) override;

  const World& world() const { return world_; }  // for the door's fence, and tests

 private:
  Status may_attach(const AttachRequest& request) const;
  Status may_stage(const AttachRequest& request, const Ladder& ladder) const;
  Status may_join(const Attachment& existing, const AttachRequest& request) const;
  Status may_adopt(const DetachRequest& request) const;
  Status may_detach(const Attachment& existing, const DetachRequest& request) const;
  Status may_order(const OrderRequest& request) const;
  std::vector<const Volume*> with_all_of_its_image(const Volume& volume) const;  // itself too, whose image may not be known
  void withdraw_overtaken();
  Attachment& adopt(const AttachmentKey& key);
  void adopt_leaf(Attachment& attachment, const RungId& leaf);
  void settle(const VolumeId& id);
  bool settle_attachment(Attachment& attachment);
  void settle_leaves(Attachment& attachment);
  void mark_complete(Attachment& attachment, const Ladder& ladder);
  void tell_cancelled(const VolumeId& id);
  void order_done(const OrderRecord& record, const Result<Facts>& outcome);
  AttachmentReport report(const Volume& volume, const Attachment& attachment) const;
  void resync();

  Parts parts_;
  World world_;
  Executor executor_;
  Waiters waiters_;
  Orphans orphans_;
  std::map<TargetId, std::set<VolumeId>> by_target_;
  struct Cancelling {
    CancelledOrders orders;
    std::function<void(const CancelledOrders&)> told;
  };
  std::map<VolumeId, std::vector<Cancelling>> cancelling_;  // until it is durable
  std::int64_t last_order_{}, last_desired_{};
  VolumeId resync_cursor_;
  std::size_t resync_credit_{};  // volumes times ticks; one volume is due each time it reaches the ticks of a round
  bool is_stopping_{};
};

}  // namespace blockplug
