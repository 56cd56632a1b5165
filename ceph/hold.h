// SPDX-License-Identifier: Apache-2.0
#pragma once
// The rung Hold of RBD volumes: an entry for this node's attachment in the hold record on the image's header, made by one
// compare-and-set, followed by a check for other watchers of the image. Readers share. The record outlives daemon, node and client:
// it ends by our own release or by a fence, never because a node is silent.
//
//   free ── raise ──▶ "about to open" ── no foreign watcher ──▶ Up ── Own adds the client ──▶ Up ── lower: client gone ──▶ free
//                           └── a foreign one: Waiting (35 s), then released and refused
// For writing, it waits while the pool is full, and is refused while the image is a mirrored copy.
// While it is up, a HoldWatch notices a fence within seconds.
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
struct ImageRef;
struct Pool;
struct Self;

// The cluster keeps a dead client's watch for 30 s.
inline constexpr std::chrono::seconds kWatchLimit{35};

// Which image it is: as the facts below say, or by the configuration and the volume's name (image_ref.h). Everything above it takes
// that from its facts: "image.id", "image.rbd_id", "image.pool", "image.namespace", "image.name", "image.size_bytes",
// "image.never_written" ("true": proven while nobody had it open), "hold.since".
class RbdHold final : public Rung {
 public:
  // `watch` may be null; else it must outlive this object.
  RbdHold(Cluster& cluster, Place place, std::string node, HoldWatch* watch = nullptr,
          std::chrono::milliseconds watch_limit = kWatchLimit)
      : cluster_(cluster), place_(std::move(place)), node_(std::move(node)), watch_(watch), watch_limit_(watch_limit) {}

  Attempt raise(const Call& call) override;
  Attempt lower(const Call& call) override;
  Finding probe(const Call& call) override;
  Survey survey(Time deadline) override;

 private:
  struct Wait {
    Time since;
    bool is_fresh{};  // the entry was made by the raise that waits: nothing can have been opened on it
  };
  Result<HoldRecord> with_us(const Call& call, const ImageRef& image, Pool& pool, const HoldRecord& now,
                             const Header& header) const;
  Attempt wait_for(const Call& call, const ImageRef& image, Pool& pool, const Held& held, const std::string& watchers);
  Attempt let_go(const Call& call, bool is_unopened);
  Finding find(const Call& call);
  Finding probe_record(const Call& call, const ImageRef& image, Pool& pool, const Header& header) const;
  std::string why_no_writes(const Call& call, Pool& pool, const Header& header) const;
  Status check_others(const Call& call, const ImageRef& image, const Self& us, const HoldRecord& now) const;
  Result<std::string> never_written(const Call& call, Pool& pool, const Header& header) const;
  Status give_back(Pool& pool, const std::string& id, const AttachmentKey& key);
  bool is_waiting_afresh(const AttachmentKey& key);
  bool forget_wait(const AttachmentKey& key);
  void watch(const Call& call, const Facts& facts, const std::string& no_writes);
  void unwatch(const AttachmentKey& key);

  Cluster& cluster_;
  const Place place_;
  const std::string node_;
  HoldWatch* const watch_;
  const std::chrono::milliseconds watch_limit_;
  std::mutex mutex_;  // guards waits_
  std::map<AttachmentKey, Wait> waits_;
};

}  // namespace blockplug::rbd
