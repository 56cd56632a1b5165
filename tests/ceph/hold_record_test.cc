// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold_record.h"

#include "ceph/arguments.h"
#include "ceph/wire.h"
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
                          .victims = {"10.0.0.1:0/7"},
                          .deleting = "n3"};
  EXPECT_EQ(*hold_record_from(to_text(record)), record);
  EXPECT_EQ(to_text(HoldRecord{}), "");
  EXPECT_TRUE(hold_record_from("")->is_free());
  EXPECT_EQ(
      describe(record.holders.front()),
      "node n\"1 for ceph/a to vm:web-0, read-only, since 2026-01-02T03:04:05Z, as client 10.0.0.1:0/7, as a client that is not "
      "known, about to open it");
}

TEST(HoldRecord, ThatIsNotUnderstoodIsNeverTakenForFree) {
  for (const char* text : {"x", "{}", "[]", "{\"version\":1}", "{\"version\":1,\"holders\":[{}]}", "{\"version\":1,\"holders\":7}"})
    EXPECT_EQ(hold_record_from(text).error().code, Code::DataLoss) << text;
  EXPECT_EQ(hold_record_from("{\"version\":2}").error().code, Code::FailedPrecondition);
}

TEST(Wire, OfTooFewBytesReadsZerosAndSaysSo) {
  Decoder whole{Encoder{}.number(std::uint64_t{0x0102030405060708}).text("abc").bytes()};
  EXPECT_EQ(whole.number<std::uint64_t>(), 0x0102030405060708U);
  EXPECT_EQ(whole.text(), "abc");
  EXPECT_TRUE(whole.is_whole());
  Decoder cut{std::string("\x05\0\0\0ab", 6)};
  EXPECT_EQ(cut.text(), "");
  EXPECT_FALSE(cut.is_whole());
}

TEST(Arguments, AreCheckedAndSaidBack) {
  EXPECT_EQ(*size_in({{"size_bytes", "512"}}), 512);
  for (const char* text : {"", "0", "-512", "511", "1x", "99999999999999999999"})
    EXPECT_EQ(size_in({{"size_bytes", text}}).error().code, Code::InvalidArgument) << text;
  EXPECT_EQ(source_in({{"source", "a@b"}})->snapshot, "b");
  for (const char* text : {"", "@b", "a@"}) EXPECT_FALSE(source_in({{"source", text}}).ok()) << text;
}

}  // namespace
}  // namespace blockplug::rbd::testing
