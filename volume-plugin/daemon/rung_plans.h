// SPDX-License-Identifier: Apache-2.0
#pragma once
// How long each rung may take, and in which lane its work runs. For this folder's .cc files only.
#include <chrono>

#include "attach-detach/ladder.h"
#include "cinder/rungs.h"
#include "hotplug/rungs.h"

namespace blockplug::plans {

using std::chrono::seconds;

// A step that exceeds its limit is probed, or (in a helper) left behind and waited for.
struct Limits {
  seconds raise, lower, probe;
};

// Images that hang (a dead placement group) delay no others of their backend before they are so many.
inline constexpr std::size_t kBackendWidth = 32;
inline constexpr std::size_t kCloudWidth = 16;
inline constexpr std::size_t kOpenWidth = 8;  // in one VM: QEMU opens one after the other, within the limit of each

inline RungPlan plan(const RungKind& kind, Rung* rung, LaneScope lane, const Limits& limits) {
  RungPlan made;
  made.kind = kind;
  made.rung = rung;
  made.falls_with_below = kind == rungs::kOwn;
  made.excludes = kind == rungs::kHold;
  made.lane = lane;
  made.lane_width = lane == LaneScope::Backend ? kBackendWidth : 1;
  made.raise_limit = limits.raise, made.lower_limit = limits.lower, made.probe_limit = limits.probe;
  return made;
}

inline RungPlan hand_over(Rung* rung) {
  auto made = plan(rungs::kHandOver, rung, LaneScope::Volume, {seconds(30), seconds(30), seconds(5)});
  made.is_bookkeeping = made.needs_staging_path = true;
  return made;
}
inline RungPlan hold(Rung* rung) { return plan(rungs::kHold, rung, LaneScope::Backend, {seconds(45), seconds(45), seconds(10)}); }
inline RungPlan open(Rung* rung) { return plan(rungs::kOpen, rung, LaneScope::Target, {seconds(10), seconds(30), seconds(5)}); }
// Asks the cluster first, from this process, which gives up after 10 s. Not in the VM's lane: no local volume of that VM waits for
// it, and of the cluster's none before so many hang. What it sends to QEMU is about its own node only.
inline RungPlan open_rbd(Rung* rung) {
  auto made = plan(rungs::kOpen, rung, LaneScope::Images, {seconds(30), seconds(45), seconds(5)});
  made.lane_width = kOpenWidth;
  return made;
}
inline RungPlan own(Rung* rung) { return plan(rungs::kOwn, rung, LaneScope::Backend, {seconds(30), seconds(5), seconds(15)}); }
inline RungPlan plug(Rung* rung) { return plan(rungs::kPlug, rung, LaneScope::Target, {seconds(10), seconds(30), seconds(5)}); }
inline RungPlan guest_mount(Rung* rung) {
  return plan(rungs::kGuestMount, rung, LaneScope::Guest, {seconds(120), seconds(30), seconds(10)});
}
inline RungPlan map(Rung* rung) { return plan(rungs::kMap, rung, LaneScope::Volume, {seconds(30), seconds(30), seconds(5)}); }
inline RungPlan map_rbd(Rung* rung) { return plan(rungs::kMap, rung, LaneScope::Volume, {seconds(60), seconds(60), seconds(15)}); }
// Cinder waits up to 60 s for its own parts.
inline RungPlan at_cinder(const RungKind& kind, Rung* rung) {
  auto made = plan(kind, rung, LaneScope::Cloud, {seconds(75), seconds(75), seconds(20)});
  made.lane_width = kCloudWidth;
  made.is_bookkeeping = true;
  return made;
}
inline RungPlan reserve(Rung* rung) {
  auto made = at_cinder(cinder::kReserve, rung);
  made.excludes = true;
  return made;
}
inline RungPlan connect(Rung* rung) {
  auto made = at_cinder(cinder::kConnect, rung);
  made.falls_with_below = true;
  return made;
}
inline RungPlan confirm(Rung* rung) {
  auto made = at_cinder(cinder::kConfirm, rung);
  made.falls_with_below = true;
  return made;
}
inline RungPlan stage(Rung* rung) { return plan(rungs::kStage, rung, LaneScope::Volume, {seconds(120), seconds(30), seconds(5)}); }
inline RungPlan publish(Rung* rung) {
  return plan(rungs::kPublish, rung, LaneScope::Volume, {seconds(30), seconds(30), seconds(5)});
}

}  // namespace blockplug::plans
