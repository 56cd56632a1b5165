// SPDX-License-Identifier: Apache-2.0
#pragma once
// Worlds written as text, for tests of the planner. One line is one attachment: who, what is desired, what is believed.
//
//   "local/v vm:a attached /p | hold=up open=up~ plug=raising? /p=up"
//
// Desired state: attached or gone; handed-over, complete (once), ro, shared, by-force, up-to=KIND, raised=ro, broken; leaves by
// their path. Rungs: KIND or PATH = down, raising, up or lowering; then any of
//   ? due   ! unprovable   * recheck   ~ stale   @wait  @wait5 (until in 5 s)  @later5 (backoff)  @probe5 (backoff of probes)
#include <ostream>
#include <string>
#include <vector>

#include "attach-detach/planner.h"

namespace blockplug::test {

// local: [HandOver] → Hold → Open → Plug (vm), Hold → Map → Stage (host).
// cinder: [HandOver] → Reserve → Connect → Hold → Open → Own → Plug → Confirm (vm),
//         Reserve → Connect → Hold → Map → Own → Confirm → Stage (host).
class PaperLadders : public Ladders {
 public:
  PaperLadders();
  const Ladder* find(const AttachmentKey& key) const override;
  OrderPerformer* performer(const VolumeId&) const override { return nullptr; }
  std::vector<Rung*> rungs() const override { return {}; }

 private:
  Ladder local_vm_, local_host_, rbd_host_, cinder_vm_, cinder_host_;
};

RungPlan paper_plan(RungKind kind);

constexpr Time kNow{std::chrono::hours(1000)};

// The volume of all lines whose id is that of the first; the others' volumes come after it. One image.
std::vector<Volume> read_world(const std::vector<std::string>& lines);

// The first volume's next step.
Decision plan_world(const std::vector<Volume>& volumes);

std::string text_of(const Decision& decision);  // the step, or "" for none
bool has_reason(const Decision& decision, const std::string& part);

}  // namespace blockplug::test

namespace blockplug {
inline void PrintTo(const Reason& reason, std::ostream* out) { *out << reason.subject << ": " << reason.text; }
}  // namespace blockplug
