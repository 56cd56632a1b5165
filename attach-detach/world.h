// SPDX-License-Identifier: Apache-2.0
#pragma once
// Desired and actual state, as far as it is known, per volume. Plain data: the planner reads it, the executor changes it, on the
// core thread.
#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/ids.h"
#include "attach-detach/order.h"
#include "attach-detach/outcome.h"
#include "attach-detach/rung.h"

namespace blockplug {

// Who asked for it: a person, kubelet's node calls, or the controller of the cluster.
enum class Origin : std::uint8_t { Person, KubeletNode, Controller };
// A reboot withdraws it: kubelet asks again for what its pods still need.
inline bool ends_with_boot(Origin origin) { return origin == Origin::KubeletNode; }

struct DesiredLeaf {
  LeafSpec spec;
  bool ever_complete{};  // was up once: from then on a failure never withdraws it
  bool operator==(const DesiredLeaf&) const = default;
};

struct Desired {
  bool attached{};                // false: everything is to come down
  std::optional<RungKind> up_to;  // highest trunk rung wanted; none: the whole trunk
  Spec spec;
  bool may_share{};  // the volume allows several writers at once (multi-attach)
  Origin origin{Origin::Person};
  std::string boot_id;  // of the machine when it was desired: see ends_with_boot
  std::map<RungId, DesiredLeaf> leaves;
  bool by_force{};  // what comes down does so without its users' consent
  bool operator==(const Desired&) const = default;
};

// What is believed of a rung. Raising: a raise is under way or stopped half-way. Lowering: it must come down all the way before it
// may be raised again (an unplug that the guest was asked for cannot be taken back).
enum class RungState : std::uint8_t { Down, Raising, Up, Lowering };
const char* to_text(RungState state);

// How well we know it. Recheck: believed, and probed again when there is time. Unverified: not believed until probed.
// Unverifiable: probed, and nothing could be proven; counts as in use.
enum class Belief : std::uint8_t { Known, Recheck, Unverified, Unverifiable };

// A fact of a rung that is down because it was taken from us by a fence. It stays, also over a restart, until the rung is ours
// again. Its value is one of the two below.
inline constexpr const char* kFencedFact = "fenced";
inline constexpr const char* kNotAskedAgain = "true";
inline constexpr const char* kAskedAgain = "asked again";  // a call has attached it since: it may be taken back

// Attempts at one thing, and when the next may be made.
struct Backoff {
  int attempts{};
  std::optional<Time> not_before;
};

struct RungRecord {
  RungState state{RungState::Down};
  Belief belief{Belief::Known};
  bool is_stale{};  // up, not as the spec says: raised again, live
  Facts facts;
  WallClock::time_point since{};   // when the state changed
  std::optional<Time> asked_down;  // when lowering was first asked
  Backoff tries;                   // of raise and lower
  Backoff probes;
  Time doubted_at{};  // what was read of it before says nothing any more
  std::optional<Waiting> waiting;
  std::optional<Error> last_error;
  std::string why;          // what the last probe said, where it said more than Up
  bool is_intent_stored{};  // the store knows durably that a step on this rung may have begun
};

inline void unverify(RungRecord& record, Time now) {
  record.belief = Belief::Unverified;
  record.doubted_at = now;
}
inline bool is_up(const RungRecord& record) {
  return record.state == RungState::Up && record.belief != Belief::Unverified && record.belief != Belief::Unverifiable;
}
inline bool is_fenced(const RungRecord& record) { return record.state != RungState::Up && record.facts.contains(kFencedFact); }
inline bool is_asked_again(const RungRecord& record) { return is_fenced(record) && fact(record.facts, kFencedFact) == kAskedAgain; }
// What said so, for people; a rung that is_fenced.
inline Error fenced_error(const RungRecord& record) {
  return record.last_error ? *record.last_error
                           : no_effect(Code::FailedPrecondition, record.why.empty() ? "it was fenced off this node" : record.why);
}

struct Attachment {
  AttachmentKey key;
  Desired desired;
  std::int64_t desired_number{};  // later desired states have higher ones
  bool ever_complete{};
  std::optional<Access> raised_as;  // while anything may be up: how it was raised, which an overtaking desired state may not want
  WallClock::time_point first_desired{};
  std::map<RungId, RungRecord> rungs;  // no entry: down
  bool asked_again{};                  // by a call, since it was fenced: the image may be taken back (see kAskedAgain)
  // Somebody asked for the trunk itself, or for it to stay: then it does not go with the last leaf that fails. Not stored: what was
  // desired before a restart goes only when somebody says so, and says then what is to become of the trunk.
  bool is_trunk_wanted{};
  // Its caller is content when the trunk is up so far, and from then on a failure does not withdraw the desired state. Not stored:
  // after a restart that holds for every desired state.
  std::optional<RungKind> enough;
  std::optional<std::string> broken;      // a hole below something in use: nothing is torn away
  std::optional<Error> failure;           // why the desired state was withdrawn, until its caller has heard
  std::map<RungId, Error> leaf_failures;  // the same for single leaves
  std::string operation;                  // id of the call that made the desired state

  const RungRecord& rung(const RungId& id) const {
    static const RungRecord kDown;
    const auto found = rungs.find(id);
    return found == rungs.end() ? kDown : found->second;
  }
};

// Kept with an order from before its first attempt until that is known to have had no effect: what has it may not be cancelled.
inline constexpr const char* kBegunFact = "order.begun";

struct OrderRecord {
  Order order;
  Facts kept;  // what an attempt kept in its journal, and kBegunFact
  Backoff tries;
  std::optional<Waiting> waiting;
  std::optional<Error> last_error;
  std::string operation;
  bool is_intent_stored{};
};

// What else is ordered may wait for a client that only a fence ends. `from`: behind what runs.
inline void put_fences_first(std::deque<OrderRecord>& orders, std::ptrdiff_t from) {
  std::stable_partition(orders.begin() + from, orders.end(),
                        [](const OrderRecord& each) { return each.order.kind == OrderKind::Fence; });
}

struct Volume {
  VolumeId id;
  ImageId image;  // empty while there is none
  std::map<TargetId, Attachment> attachments;
  std::deque<OrderRecord> orders;  // performed first to last; fences first
  Time ordered_at{};               // when the last order changed size or limits: what was read of them before is out of date
};

inline const RungRecord* fenced_rung(const Attachment& attachment) {
  for (const auto& [id, record] : attachment.rungs)
    if (is_fenced(record)) return &record;
  return nullptr;
}

// Nothing of it is or may be there.
inline bool is_all_down(const Attachment& attachment) {
  for (const auto& [id, record] : attachment.rungs)
    if (record.state != RungState::Down || record.belief == Belief::Unverified || record.belief == Belief::Unverifiable)
      return false;
  return true;
}

// What is up was raised for another access: it comes down before anything else.
inline bool is_raised_otherwise(const Attachment& attachment) {
  return attachment.raised_as && *attachment.raised_as != attachment.desired.spec.access;
}

// May `desired state` be there beside this attachment of the same image?
inline bool may_share(const Attachment& attachment, const Desired& desired) {
  const bool is_reader = attachment.desired.spec.access == Access::ReadOnly && !is_raised_otherwise(attachment);
  return (is_reader && desired.spec.access == Access::ReadOnly) || (attachment.desired.may_share && desired.may_share);
}

}  // namespace blockplug
