// SPDX-License-Identifier: Apache-2.0
#pragma once
// The truth, for people: what an attachment is, why, and when something happens next. Values; no reference into the world.
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/executor.h"

namespace blockplug {

// Degraded: attached and usable; a record elsewhere is missing or cannot be verified, and is being repaired.
enum class State : std::uint8_t {
  Attached,
  Degraded,
  Attaching,
  Detaching,
  Waiting,
  Uncertain,
  Stuck,
  Broken,
  Fenced,
  Failed,
  Orphan
};
const char* to_text(State state);  // "attached"

struct RungReport {
  RungId rung;
  std::string state;  // "down", "raising", "up", "lowering", "stale", "uncertain"
  Facts facts;
  std::string waiting_for;  // empty: nothing
  std::string note;         // the last error, or what the last probe said
  WallClock::time_point since{};
};

struct RunningReport {
  std::string step;  // "raise open"
  std::string operation;
  std::chrono::milliseconds age{}, limit{};
  std::string waited_for;  // the last time that it was tried; empty: nothing
};

struct AttachmentReport {
  AttachmentKey key;
  bool is_desired{};
  State state{};
  std::optional<RungKind> highest;  // rung up
  Spec spec;
  std::map<RungId, DesiredLeaf> leaves;
  std::vector<RungReport> rungs;     // bottom to top
  std::vector<std::string> reasons;  // what happens next and why; what is waited for
  std::optional<Error> last_error;
  int attempts{};
  std::optional<WallClock::time_point> next_try;
  WallClock::time_point since{};
  std::optional<RunningReport> running;
};

// What `explain` says in one line, for errors and deadlines: "plug: waiting: the guest has not released the disk yet".
std::string summary(const AttachmentReport& report);

struct ReportInputs {
  const Volume& volume;
  const Attachment& attachment;
  const Ladder* ladder{};    // nullptr: no backend has it
  const Running* running{};  // of the volume; nullptr: nothing runs
  const Decision& decision;
  Time now;
  WallClock::time_point wall;
};
AttachmentReport report_on(const ReportInputs& inputs);

// An order that is not done, or a step that runs.
struct QueueEntry {
  VolumeId volume;
  std::string what;  // "order 7 (resize)", "raise open of … to vm:web-0"
  std::string operation;
  std::string state;  // "running", "waiting", "retrying", "queued"
  std::string note;
  int attempts{};
  std::optional<WallClock::time_point> next_try;
};

struct PlanEntry {
  VolumeId volume;
  std::string step;  // empty: nothing can be done now
  std::vector<Reason> reasons;
};

}  // namespace blockplug
