// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is wished and what is believed, per volume. Plain data: the planner reads it, the executor changes it, on the core thread.
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

enum class Origin : std::uint8_t { Person, Csi };  // whose wish: a reboot withdraws those of CSI

struct LeafWish {
  LeafSpec spec;
  bool ever_complete{};  // was up once: from then on a failure never withdraws it
  bool operator==(const LeafWish&) const = default;
};

struct Wish {
  bool attached{};                 // false: everything is to come down
  std::optional<RungKind> up_to;   // highest trunk rung wanted; none: the whole trunk
  Spec spec;
  bool may_share{};                // the volume allows several writers at once (multi-attach)
  Origin origin{Origin::Person};
  std::string boot_id;             // of the machine when it was wished: CSI's wishes end with it
  std::map<RungId, LeafWish> leaves;
  bool by_force{};                 // what comes down does so without its users' consent
  bool operator==(const Wish&) const = default;
};

// What is believed of a rung. Raising: a raise is under way or stopped half-way. Lowering: it must come down all the way before it
// may be raised again (an unplug that the guest was asked for cannot be taken back).
enum class Mark : std::uint8_t { Down, Raising, Up, Lowering };
const char* to_text(Mark mark);

// How well we know it. Recheck: believed, and probed again when there is time. Due: not believed until probed.
// Unprovable: probed, and nothing could be proven; counts as in use.
enum class Trust : std::uint8_t { Known, Recheck, Due, Unprovable };

// A fact of a rung that is down because it was taken from us by a fence. It stays, also over a restart, until the rung is ours again.
inline constexpr const char* kFencedFact = "fenced";

// Attempts at one thing, and when the next may be made.
struct Backoff {
  int attempts{};
  std::optional<Time> not_before;
};

struct RungRecord {
  Mark mark{Mark::Down};
  Trust trust{Trust::Known};
  bool is_stale{};                  // up, not as the spec says: raised again, live
  Facts facts;
  WallClock::time_point since{};    // when the mark changed
  std::optional<Time> asked_down;   // when lowering was first asked
  Backoff tries;                    // of raise and lower
  Backoff probes;
  std::optional<Waiting> waiting;
  std::optional<Error> last_error;
  std::string why;                  // what the last probe said, where it said more than Up
  bool is_intent_stored{};          // the store knows durably that a step on this rung may have begun
};

inline bool is_fenced(const RungRecord& record) { return record.mark != Mark::Up && record.facts.contains(kFencedFact); }
// What said so, for people; a rung that is_fenced.
inline Error fenced_error(const RungRecord& record) {
  return record.last_error ? *record.last_error : no_effect(Code::FailedPrecondition, record.why.empty() ? "it was fenced off this node" : record.why);
}

struct Attachment {
  AttachmentKey key;
  Wish wish;
  std::int64_t wish_number{};           // later wishes have higher ones
  bool ever_complete{};
  std::optional<Access> raised_as;      // while anything may be up: how it was raised, which an overtaking wish may not want
  WallClock::time_point first_wished{};
  std::map<RungId, RungRecord> rungs;   // no entry: down
  bool asked_again{};                   // by a call, since it was fenced: the image may be taken back
  std::optional<std::string> broken;    // a hole below something in use: nothing is torn away
  std::optional<Error> failure;         // why the wish was withdrawn, until its caller has heard
  std::map<RungId, Error> leaf_failures;  // the same for single leaves
  std::string operation;                // id of the call that made the wish

  const RungRecord& rung(const RungId& id) const {
    static const RungRecord kDown;
    const auto found = rungs.find(id);
    return found == rungs.end() ? kDown : found->second;
  }
};

struct OrderRecord {
  Order order;
  Facts kept;           // what an attempt kept in its journal
  Backoff tries;
  std::optional<Waiting> waiting;
  std::optional<Error> last_error;
  std::string operation;
  bool is_intent_stored{};
};

struct Volume {
  VolumeId id;
  ImageId image;        // empty while there is none
  std::map<TargetId, Attachment> attachments;
  std::deque<OrderRecord> orders;  // performed first to last
};

inline const RungRecord* fenced_rung(const Attachment& attachment) {
  for (const auto& [id, record] : attachment.rungs)
    if (is_fenced(record)) return &record;
  return nullptr;
}

// Nothing of it is or may be there.
inline bool is_all_down(const Attachment& attachment) {
  for (const auto& [id, record] : attachment.rungs)
    if (record.mark != Mark::Down || record.trust == Trust::Due || record.trust == Trust::Unprovable) return false;
  return true;
}

// What is up was raised for another access: it comes down before anything else.
inline bool is_raised_otherwise(const Attachment& attachment) {
  return attachment.raised_as && *attachment.raised_as != attachment.wish.spec.access;
}

// May `wish` be there beside this attachment of the same image?
inline bool may_share(const Attachment& attachment, const Wish& wish) {
  const bool is_reader = attachment.wish.spec.access == Access::ReadOnly && !is_raised_otherwise(attachment);
  return (is_reader && wish.spec.access == Access::ReadOnly) || (attachment.wish.may_share && wish.may_share);
}

}  // namespace blockplug
