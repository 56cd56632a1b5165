// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ladders: which rungs an attachment climbs. A table made at start, one row per backend and kind of target.
//
//   local, vm:   [hand-over] → hold → open → plug   leaves: guest-mount
//   local, host: hold → map → [stage]     leaves: publish (on map where raw block is wanted)
//
// The core knows no rung by its name: what it must know of one is in its plan.
#include <chrono>
#include <string>
#include <vector>

#include "attach-detach/ids.h"
#include "attach-detach/order.h"
#include "attach-detach/rung.h"

namespace blockplug {

// What a job may hang on: a hung VM, guest, cluster or device costs only itself. A lane has a width: as many of its jobs run at a
// time, so that of a cluster or a cloud one volume that hangs delays no other.
// Cloud: beside the backend's storage. Images: what asks the storage on behalf of a target.
enum class LaneScope : std::uint8_t { Target, Guest, Images, Backend, Cloud, Volume };

struct RungPlan {
  RungKind kind{};
  Rung* rung{};             // not owned; outlives the Volume Manager
  bool falls_with_below{};  // nothing to lower: up only while the rung below is (connect, own, confirm)
  bool excludes{};          // not raised while another attachment of the image has a rung that is not down (reserve, hold)
  // A record elsewhere (Cinder's reserve, connect, confirm), not the disk itself. Found gone or unverifiable below something that
  // stands, it is repaired in place; nothing is lowered for it, and detaching the disk does not wait for it.
  bool is_bookkeeping{};
  bool needs_staging_path{};  // wanted only where the spec has one (hand-over)
  LaneScope lane{LaneScope::Target};
  std::size_t lane_width{1};
  std::chrono::milliseconds raise_limit{}, lower_limit{}, probe_limit{};
};

struct Ladder {
  std::vector<RungPlan> trunk;   // bottom to top
  std::vector<RungPlan> leaves;  // kinds of leaf that may stand on the top
  // The trunk's rung from which the target has the block device; empty: that takes the whole trunk.
  RungKind device{};
};

// Read-only after start; called on the core thread, must not block.
class Ladders {
 public:
  virtual ~Ladders() = default;
  virtual const Ladder* find(const AttachmentKey& key) const = 0;       // nullptr: this backend has no such target
  virtual OrderPerformer* performer(const VolumeId& volume) const = 0;  // nullptr: unknown backend
  virtual std::vector<Rung*> rungs() const = 0;                         // each once, for survey
};

inline std::string lane_of(LaneScope scope, const AttachmentKey& key) {
  switch (scope) {
    case LaneScope::Target: return key.target.str();
    case LaneScope::Guest: return "guest:" + key.target.str();
    case LaneScope::Images: return "images:" + key.target.str();
    case LaneScope::Backend: return "backend:" + backend_of(key.volume);
    case LaneScope::Cloud: return "cloud:" + backend_of(key.volume);
    case LaneScope::Volume: return "volume:" + key.volume.str();
  }
  return {};
}

}  // namespace blockplug
