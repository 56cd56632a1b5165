// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ladders: which rungs an attachment climbs. A table made at start, one row per backend and kind of target.
//
//   local, vm:   Hold → Open → Plug                       leaves: GuestMount
//   local, host: Hold → Map → [Stage]                     leaves: Publish (on Map where the volume is wished as raw block)
#include <chrono>
#include <string>
#include <vector>

#include "attach-detach/ids.h"
#include "attach-detach/order.h"
#include "attach-detach/rung.h"

namespace blockplug {

// What a job may hang on. At most one job runs in a lane at a time, so a hung VM, guest, cluster or device costs only itself.
enum class LaneScope : std::uint8_t { Target, Guest, Backend, Volume };

struct RungPlan {
  RungKind kind{};
  Rung* rung{};                 // not owned; outlives the Volume Manager
  bool falls_with_below{};      // nothing to lower: up only while the rung below is (Connect, Own, Confirm)
  bool excludes{};              // not raised while another attachment of the image has a rung that is not down (Reserve, Hold)
  LaneScope lane{LaneScope::Target};
  std::chrono::milliseconds raise_limit{}, lower_limit{}, probe_limit{};
};

struct Ladder {
  std::vector<RungPlan> trunk;   // bottom to top
  std::vector<RungPlan> leaves;  // kinds of leaf that may stand on the top
};

// Read-only after start; called on the core thread, must not block.
class Ladders {
 public:
  virtual ~Ladders() = default;
  virtual const Ladder* find(const AttachmentKey& key) const = 0;  // nullptr: this backend has no such target
  virtual Acts* acts(const VolumeId& volume) const = 0;            // nullptr: unknown backend
  virtual std::vector<Rung*> rungs() const = 0;                    // each once, for survey
};

inline std::string lane_of(LaneScope scope, const AttachmentKey& key) {
  switch (scope) {
    case LaneScope::Target: return key.target.str();
    case LaneScope::Guest: return "guest:" + key.target.str();
    case LaneScope::Backend: return "backend:" + backend_of(key.volume);
    case LaneScope::Volume: return "volume:" + key.volume.str();
  }
  return {};
}

}  // namespace blockplug
