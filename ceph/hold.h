// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rung Hold of RBD volumes: an entry of this node's attachment in the mark on the image's header, made by one compare-and-set,
// and then a look at who else watches the image. Readers share. The mark outlives daemon, node and client: it ends by our own
// release or by a fence, never because somebody was silent.
//
//   free ── raise ──▶ "about to open" ── no foreign watcher ──▶ Up ── Own names the client ──▶ Up ── lower: client gone ──▶ free
//                           └── a foreign one: Waiting (35 s), then given back and refused
// While it is up, a HoldWatch notices within seconds that it was fenced.
//
// Made by the composition root; calls come on any worker thread, one at a time per volume.
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "attach-detach/rung.h"
#include "ceph/cluster.h"
#include "ceph/hold_record.h"
#include "ceph/place.h"

namespace blockplug::rbd {

class HoldWatch;
struct Held;
struct Header;
struct Pool;
struct Self;

// A client that dies without a word is watched for by the cluster for 30 s.
inline constexpr std::chrono::seconds kWatchLimit{35};

// Facts of a raised hold: "image", "id" (Ceph's), "pool", "namespace", "name", "size_bytes", "since",
// "never_written" ("true": proven while nobody had it open).
class RbdHold final : public Rung {
 public:
  // `watch` may be null; else it outlives this.
  RbdHold(Cluster& cluster, Place place, std::string node, HoldWatch* watch = nullptr, std::chrono::milliseconds watch_limit = kWatchLimit)
      : cluster_(cluster), place_(std::move(place)), node_(std::move(node)), watch_(watch), watch_limit_(watch_limit) {}

  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  std::vector<Found> survey() override;

 private:
  struct Wait {
    Time since;
    bool is_fresh;  // the entry was made by the raise that waits: nothing can have been opened on it
  };
  Result<HoldRecord> with_us(const Call& call, Pool& pool, const HoldRecord& now, const Header& header) const;
  Status check_others(const Call& call, const Self& us, const HoldRecord& now) const;
  Attempt wait_for(const Call& call, Pool& pool, const Held& held, const std::string& watchers);
  Attempt let_go(const Call& call, bool is_unopened);
  Status give_back(Pool& pool, const std::string& id, const AttachmentKey& key);
  Finding find(const Call& call);
  Finding probe_record(const Call& call, Pool& pool, const Header& header) const;
  Result<std::string> never_written(const Call& call, Pool& pool, const Header& header) const;
  Facts facts_of(const Call& call, const Pool& pool, const Header& header, const Holder& ours, const std::string& never_written) const;
  void watch(const AttachmentKey& key, const Facts& facts);
  void unwatch(const AttachmentKey& key);
  bool is_waiting_afresh(const AttachmentKey& key);
  bool forget_wait(const AttachmentKey& key);

  Cluster& cluster_;
  const Place place_;
  const std::string node_;
  HoldWatch* const watch_;
  const std::chrono::milliseconds watch_limit_;
  std::mutex mutex_;  // guards waits_
  std::map<AttachmentKey, Wait> waits_;
};

}  // namespace blockplug::rbd
