// SPDX-License-Identifier: Apache-2.0
#pragma once
// A rung: one thing that must be true of an attachment. Implementations live in hotplug/, ceph/, cinder/ and volume-plugin/.
//
// Every call blocks on a worker thread, at most until about `deadline`; what the kernel or QEMU may hold longer answers Waiting
// and reports by EventSink. No call of one volume is made while another of the same volume runs.
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "attach-detach/ids.h"
#include "attach-detach/outcome.h"

namespace blockplug {

// What a rung is called, in the store too: "hold". The core knows no kind by its name; what it must know of one is in its RungPlan.
using RungKind = Id<struct RungKindTag>;
inline const std::string& to_text(const RungKind& kind) { return kind.str(); }

enum class Access : std::uint8_t { ReadWrite, ReadOnly };
const char* to_text(Access access);  // "read-only"

// What is wanted of the trunk. Each rung reads the part it cares for; the same value is what the door checked and the store holds.
struct Spec {
  std::int64_t size_bytes{};  // of the image, as the backend said at the door or after the last resize
  Access access{Access::ReadWrite};
  std::string filesystem;  // "ext4", "xfs", "auto" (what is there; ext4 where nothing is); empty: raw block
  std::map<std::string, std::int64_t, std::less<>> limits{};  // "iops", "bytes_per_second"
  std::vector<std::string> flags{};                           // of the one mount of the file system: "noatime"
  // Where that mount is; empty: at a place of Stage's own. Of a VM: where its hand-over is; empty: it has none.
  std::string staging_path{};
  bool operator==(const Spec&) const = default;
};

// What of a spec follows the image while it is attached. Not there: as it was.
struct SpecChange {
  std::optional<std::int64_t> size_bytes;
  std::optional<decltype(Spec::limits)> limits;
  bool operator==(const SpecChange&) const = default;
};

// What is wanted of one leaf.
struct LeafSpec {
  Access access{Access::ReadWrite};
  std::vector<std::string> flags;
  std::string filesystem{};  // for GuestMount, as in Spec: the trunk below knows of none
  bool operator==(const LeafSpec&) const = default;
};

// Which rung of an attachment: trunk rungs have no leaf name, leaves are named by their path.
struct RungId {
  RungKind kind{};
  std::string leaf;
  auto operator<=>(const RungId&) const = default;
};
std::string to_text(const RungId& rung);  // "open", "publish /var/lib/x"

// Facts that cannot be probed again, kept in the middle of a raise: durable when `keep` returns Ok.
class Journal {
 public:
  virtual ~Journal() = default;
  virtual Status keep(const Facts& facts) = 0;
};

// Why a rung is lowered: a rung in use answers FailedPrecondition to Hole and the attachment is then `broken`. Forced: a person
// asked for it to go without its user's consent; only rungs that have such a user (GuestMount) heed it.
enum class LowerReason : std::uint8_t { NotWanted, GapBelow, Forced };

struct Call {
  AttachmentKey key;
  RungId rung;
  const Spec& spec;        // as desired
  const LeafSpec* leaf{};  // for leaves only
  const Facts& below;      // facts of all rungs below; of two that have the same, the upper one's (see roles.h)
  const Facts& before;     // this rung's facts as last stored (perhaps of an unfinished attempt)
  Time deadline;
  std::stop_token stop;        // the desired state has changed, or the daemon goes down: give up where that is safe
  std::string_view operation;  // id for logs, QMP and HTTP
  LowerReason lower_reason{LowerReason::NotWanted};  // for lower only
  Journal& journal;
  // For probe only. What is read of one source (a VM, a mount table, a cloud) is shared: any reading that began at this time or
  // later will do, a failed one too; so a doubt costs one reading, however many attachments share the source.
  Time doubted_at{};
  // For probe only: an attempt of ours here may be ending just now. What was read before this call then says nothing, unless
  // whoever read it knows of the attempt (as a Vm does of its commands).
  bool is_in_between{};
  Time must_be_read_since() const { return is_in_between ? Time{} : doubted_at; }  // Time{}: now
};

struct Done {
  Facts facts;
};
// Not an error: no backoff, the worker is given back; a touch of the volume or `until` wakes it.
struct Waiting {
  std::string for_what;
  std::optional<Time> until;
  bool operator==(const Waiting&) const = default;
};
using Attempt = std::variant<Done, Waiting, Error>;

// What probe found. Partial: half-way, a raise or lower finishes it. Unknown: cannot be proven now. Foreign: somebody else's
// thing is in this place and ours is not.
enum class Standing : std::uint8_t { Down, Up, Stale, Partial, Unknown, Foreign };
const char* to_text(Standing standing);
struct Finding {
  Standing standing{Standing::Unknown};
  Facts facts;
  std::string why;
  bool is_fenced{};  // with Down and Foreign: it was ours, and was taken from us by a fence
};

// A thing somewhere that has our marker.
struct Found {
  AttachmentKey key;
  RungKind kind{};
  Facts facts;
  std::string what;    // for people: "block node bp-… in VM web-0"
  std::string leaf{};  // of a leaf: its path
  // A leaf that may be there with it, and that no survey shows.
  std::optional<RungId> hides{};
};

struct Survey : std::vector<Found> {
  bool is_partial{};  // something did not answer in time, or at all: what is not here may be there
};
inline Survey unanswered() {
  Survey survey;
  survey.is_partial = true;
  return survey;
}

class Rung {
 public:
  virtual ~Rung() = default;
  virtual Attempt raise(const Call& call) = 0;  // make it so, from Down, Stale or half-way; idempotent
  virtual Attempt lower(const Call& call) = 0;  // idempotent; gone already is Done
  virtual Finding probe(const Call& call) = 0;  // changes nothing; what it cannot prove is Unknown
  virtual Survey survey(Time deadline) = 0;  // everything anywhere that has our marker, or what can be said of it by the deadline
};

}  // namespace blockplug
