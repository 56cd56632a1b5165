// SPDX-License-Identifier: Apache-2.0
// The core is tried with plans on paper (planner_test, small worlds, the simulator). The daemon's have the same properties.
#include "volume-plugin/daemon/rung_plans.h"

#include <gtest/gtest.h>

#include "tests/attach-detach/paper_world.h"

namespace blockplug::testing {
namespace {

TEST(RungPlans, AreAsTheCoreIsTriedWith) {
  for (const auto& made :
       {plans::hand_over(nullptr), plans::hold(nullptr), plans::open(nullptr), plans::open_rbd(nullptr), plans::own(nullptr),
        plans::plug(nullptr), plans::guest_mount(nullptr), plans::map(nullptr), plans::map_rbd(nullptr), plans::stage(nullptr),
        plans::publish(nullptr), plans::reserve(nullptr), plans::connect(nullptr), plans::confirm(nullptr)}) {
    const auto on_paper = test::paper_plan(made.kind);
    EXPECT_EQ(made.falls_with_below, on_paper.falls_with_below) << made.kind.str();
    EXPECT_EQ(made.excludes, on_paper.excludes) << made.kind.str();
    EXPECT_EQ(made.is_bookkeeping, on_paper.is_bookkeeping) << made.kind.str();
    EXPECT_EQ(made.needs_staging_path, on_paper.needs_staging_path) << made.kind.str();
    EXPECT_GT(made.raise_limit.count() * made.lower_limit.count() * made.probe_limit.count(), 0) << made.kind.str();
  }
}

}  // namespace
}  // namespace blockplug::testing
