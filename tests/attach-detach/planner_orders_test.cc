// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/attach-detach/paper_world.h"

namespace blockplug::test {
namespace {

using std::chrono::seconds;

OrderRecord order(std::int64_t id, OrderKind kind) {
  OrderRecord record;
  record.order = {id, VolumeId("local/v"), kind, {}};
  return record;
}

std::vector<Volume> world_with(std::vector<std::string> lines, std::vector<OrderRecord> orders) {
  if (lines.empty()) lines = {"local/v vm:a gone |"};
  auto volumes = read_world(lines);
  for (auto& record : orders) volumes.front().orders.push_back(std::move(record));
  return volumes;
}

TEST(PlannerOrders, ArePerformedFirstToLast) {
  const auto decision = plan_world(world_with({}, {order(7, OrderKind::Resize), order(8, OrderKind::Snapshot)}));
  EXPECT_EQ(text_of(decision), "perform order 7");
  EXPECT_EQ(decision.step->order, 7);
  EXPECT_TRUE(has_reason(decision, "order 7 (resize): is to be performed"));
}

TEST(PlannerOrders, GoBeforeAttachments) {
  EXPECT_EQ(text_of(plan_world(world_with({"local/v vm:a attached |"}, {order(1, OrderKind::Resize)}))), "perform order 1");
}

TEST(PlannerOrders, KeepNoDetachWaiting) {
  EXPECT_EQ(text_of(plan_world(world_with({"local/v vm:a gone | hold=up open=up"}, {order(1, OrderKind::Resize)}))),
            "lower open of local/v to vm:a");
  EXPECT_EQ(text_of(plan_world(world_with({"local/v vm:a gone | hold=up open=up?"}, {order(1, OrderKind::Resize)}))),
            "probe open of local/v to vm:a");
  EXPECT_EQ(
      text_of(plan_world(world_with({"local/v vm:a attached | hold=up open=up plug=up /p=up"}, {order(1, OrderKind::Resize)}))),
      "lower guest-mount /p of local/v to vm:a");
}

TEST(PlannerOrders, ThatWaitLetAttachmentsGoOn) {
  auto waiting = order(1, OrderKind::Resize);
  waiting.waiting = Waiting{"the weather", kNow + seconds(5)};
  const auto decision = plan_world(world_with({"local/v vm:a attached |"}, {waiting}));
  EXPECT_EQ(text_of(decision), "raise hold of local/v to vm:a");
  EXPECT_TRUE(has_reason(decision, "order 1 (resize): waiting: the weather"));
}

struct Row {
  const char* name;
  OrderRecord record;
  const char* step;
  const char* reason;
  std::optional<int> wake_s = {};
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

OrderRecord waiting_until(std::optional<Time> until) {
  auto record = order(1, OrderKind::Resize);
  record.waiting = Waiting{"the weather", until};
  return record;
}

OrderRecord failed_until(Time not_before) {
  auto record = order(1, OrderKind::Resize);
  record.tries = {3, not_before};
  record.last_error = no_effect(Code::Unavailable, "no answer");
  return record;
}

class PlannerOrder : public testing::TestWithParam<Row> {};

TEST_P(PlannerOrder, KnowsWhen) {
  const auto decision = plan_world(world_with({}, {GetParam().record}));
  EXPECT_EQ(text_of(decision), GetParam().step);
  EXPECT_TRUE(has_reason(decision, GetParam().reason));
  EXPECT_EQ(decision.wake, GetParam().wake_s ? std::optional(kNow + seconds(*GetParam().wake_s)) : std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Orders, PlannerOrder,
                         testing::Values(Row{"WaitsForATouch", waiting_until({}), "", "waiting: the weather"},
                                         Row{"WaitsUntil", waiting_until(kNow + seconds(5)), "", "waiting: the weather", 5},
                                         Row{"HasWaited", waiting_until(kNow), "perform order 1", "is to be performed"},
                                         Row{"IsTriedLater", failed_until(kNow + seconds(9)), "", "trying again later: no answer",
                                             9},
                                         Row{"IsTriedAgain", failed_until(kNow), "perform order 1", "is to be performed"}),
                         [](const auto& row) { return row.param.name; });

TEST(PlannerOrders, DeleteWaitsUntilAllIsDown) {
  const std::vector<OrderRecord> remove{order(1, OrderKind::Delete)};
  const auto decision = plan_world(world_with({"local/v vm:a gone | hold=lowering@wait"}, remove));
  EXPECT_EQ(text_of(decision), "");
  EXPECT_TRUE(has_reason(decision, "order 1 (delete): waiting until it is detached from vm:a"));
  EXPECT_EQ(text_of(plan_world(world_with({"local/v vm:a gone | hold=up"}, remove))), "lower hold of local/v to vm:a");
  EXPECT_EQ(text_of(plan_world(world_with({"local/v vm:a gone | hold=down!@probe9"}, remove))), "");
  EXPECT_EQ(text_of(plan_world(world_with({"local/v vm:a gone | hold=down"}, remove))), "perform order 1");
}

TEST(PlannerOrders, DeleteWaitsForTheImageUnderAnotherNameToo) {
  const std::vector<OrderRecord> remove{order(1, OrderKind::Delete)};
  const auto decision = plan_world(world_with({"local/v vm:b gone |", "alias/v vm:a attached | hold=up"}, remove));
  EXPECT_EQ(text_of(decision), "");
  EXPECT_TRUE(has_reason(decision, "waiting until alias/v is detached from vm:a"));
}

TEST(PlannerOrders, ResizeDoesNotWaitForADetachThatWaits) {
  EXPECT_EQ(text_of(plan_world(world_with({"local/v vm:a gone | hold=up open=lowering@wait"}, {order(1, OrderKind::Resize)}))),
            "perform order 1");
}

}  // namespace
}  // namespace blockplug::test
