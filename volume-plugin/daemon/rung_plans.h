// SPDX-License-Identifier: Apache-2.0
#pragma once
// How long each rung may take, and in which lane its work runs. For this folder's .cc files only.
#include <chrono>

#include "attach-detach/ladder.h"

namespace blockplug::plans {

using std::chrono::seconds;

// What is not done by then is probed, or (in a helper) left behind and waited for.
struct Limits {
  seconds raise, lower, probe;
};

inline RungPlan plan(RungKind kind, Rung* rung, LaneScope lane, const Limits& limits) {
  const bool falls = kind == RungKind::Own;
  return {kind, rung, falls, kind == RungKind::Hold, lane, limits.raise, limits.lower, limits.probe};
}

inline RungPlan hold(Rung* rung) {
  return plan(RungKind::Hold, rung, LaneScope::Backend, {seconds(45), seconds(45), seconds(10)});
}
inline RungPlan open(Rung* rung) { return plan(RungKind::Open, rung, LaneScope::Target, {seconds(10), seconds(30), seconds(5)}); }
// Asks the cluster first, from our own process, which gives up after 10 s.
inline RungPlan open_rbd(Rung* rung) {
  return plan(RungKind::Open, rung, LaneScope::Target, {seconds(30), seconds(45), seconds(5)});
}
inline RungPlan own(Rung* rung) { return plan(RungKind::Own, rung, LaneScope::Backend, {seconds(30), seconds(5), seconds(15)}); }
inline RungPlan plug(Rung* rung) { return plan(RungKind::Plug, rung, LaneScope::Target, {seconds(10), seconds(30), seconds(5)}); }
inline RungPlan guest_mount(Rung* rung) {
  return plan(RungKind::GuestMount, rung, LaneScope::Guest, {seconds(120), seconds(30), seconds(10)});
}
inline RungPlan map(Rung* rung) { return plan(RungKind::Map, rung, LaneScope::Volume, {seconds(30), seconds(30), seconds(5)}); }
inline RungPlan map_rbd(Rung* rung) {
  return plan(RungKind::Map, rung, LaneScope::Volume, {seconds(60), seconds(60), seconds(15)});
}
inline RungPlan stage(Rung* rung) { return plan(RungKind::Stage, rung, LaneScope::Volume, {seconds(120), seconds(30), seconds(5)}); }
inline RungPlan publish(Rung* rung) {
  return plan(RungKind::Publish, rung, LaneScope::Volume, {seconds(30), seconds(30), seconds(5)});
}

}  // namespace blockplug::plans
