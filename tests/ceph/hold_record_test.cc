// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold_record.h"

#include "tests/ceph/ceph_world.h"

namespace blockplug::rbd::testing {
namespace {

TEST(HoldRecord, IsReadBackAsItWasWritten) {
  const HoldRecord record{.holders = {{.node = "n\"1",
                                       .host = "10.0.0.1",
                                       .attachment = {VolumeId{"ceph/a"}, TargetId{"vm:web-0"}},
                                       .access = Access::ReadOnly,
                                       .boot = "b",
                                       .since = "2026-01-02T03:04:05Z",
                                       .may_be_opening = true,
                                       .clients = {{"10.0.0.1:0/7", "12 345"}, {"", ""}}}},
                          .fencing = "n2",
                          .fenced_node = "n\"1",
                          .victims = {"10.0.0.1:0/7"},
                          .deleting = "n3"};
  EXPECT_EQ(*hold_record_from(to_text(record)), record);
  EXPECT_EQ(to_text(HoldRecord{}), "");
  EXPECT_TRUE(hold_record_from("")->is_free());
  EXPECT_EQ(describe(record.holders.front()),
            "node n\"1 for ceph/a to vm:web-0, read-only, since 2026-01-02T03:04:05Z, as client 10.0.0.1:0/7, client unknown, "
            "about to open it");
}

TEST(HoldRecord, ThatIsNotUnderstoodIsNeverTakenForFree) {
  for (const char* text : {"x", "{}", "[]", "{\"version\":1}", "{\"version\":1,\"holders\":[{}]}", "{\"version\":1,\"holders\":7}"})
    EXPECT_EQ(hold_record_from(text).error().code, Code::DataLoss) << text;
  EXPECT_EQ(hold_record_from("{\"version\":2}").error().code, Code::FailedPrecondition);
}

}  // namespace
}  // namespace blockplug::rbd::testing
