// SPDX-License-Identifier: Apache-2.0
// How the mapper interprets /sys; node/ tests it with a real kernel client.
#include "ceph/map/krbd_map.h"

#include "hotplug/host/device_mark.h"
#include "hotplug/rungs.h"
#include "tests/ceph/map/paper_sysfs.h"
#include "tests/support/event_log.h"
#include "tests/support/paths.h"

namespace blockplug::rbd::testing {
namespace {
using blockplug::testing::EventLog;

class KrbdMapOnPaper : public ::testing::Test {
 protected:
  KrbdMapOnPaper() {
    source_ = RbdSource::make({.cluster = cluster_, .place = place_, .node = "node-1", .run_dir = sysfs_.root() / "run"}).value();
    helper_ = std::make_unique<Helper>(blockplug::testing::program("blockplug-helper"), sysfs_.root() / "book");
    map_ = std::make_unique<KrbdMap>(KrbdMap::Parts{.cluster = cluster_,
                                                    .place = place_,
                                                    .source = *source_,
                                                    .helper = *helper_,
                                                    .events = events_,
                                                    .owner = "node-1",
                                                    .sysfs = sysfs_.root()});
    spec_.size_bytes = 1 << 20;
  }
  void add(const std::string& id, PaperMapping mapping = {}) {
    mapping.image = mapping.image.empty() ? "data" : mapping.image;
    if (mapping.mark == "bp-mark") mapping.mark = device_mark("node-1", VolumeId{"ceph/" + mapping.image});
    sysfs_.add(id, mapping);
  }
  Call call() {
    return Call{.key = key_,
                .rung = {rungs::kMap, {}},
                .spec = spec_,
                .below = below_,
                .before = before_,
                .deadline = Clock::now() + std::chrono::seconds(30),
                .stop = {},
                .operation = "test",
                .journal = journal_};
  }
  Finding probe() { return map_->probe(call()); }
  void expect_stale(const std::string& why) {
    const auto finding = probe();
    EXPECT_EQ(finding.standing, Standing::Stale);
    EXPECT_NE(finding.why.find(why), std::string::npos) << finding.why;
  }

  class NoJournal final : public Journal {
   public:
    Status keep(const Facts&) override { return Ok{}; }
  };
  PaperSysfs sysfs_;
  Cluster cluster_{{.conf = "/nothing", .user = "blockplug"}};
  const Place place_{.backend = "ceph", .pool = "volumes"};
  EventLog log_;
  BlockEvents events_{log_};
  std::unique_ptr<RbdSource> source_;
  std::unique_ptr<Helper> helper_;
  std::unique_ptr<KrbdMap> map_;
  const AttachmentKey key_{VolumeId{"ceph/data"}, TargetId{"host"}};
  Spec spec_;
  Facts below_{{"image.id", "rbd:f-s-i-d/volumes//id-of-data"}}, before_;
  NoJournal journal_;
};

TEST_F(KrbdMapOnPaper, IsUpWhereItsMarkIsOnTheHeldImage) {
  EXPECT_EQ(probe().standing, Standing::Down);
  add("4");
  const auto finding = probe();
  EXPECT_EQ(finding.standing, Standing::Up) << finding.why;
  EXPECT_EQ(finding.facts, (Facts{{"device.mapper", "krbd"},
                                  {"device.path", "/dev/rbd4"},
                                  {"device.number", "251:64"},
                                  {"device.size_bytes", "1048576"},
                                  {"device.client", "192.0.2.7:0/4711"}}));
}

TEST_F(KrbdMapOnPaper, IsStaleWhereTheMappingIsNotAsDesired) {
  add("4");
  below_["image.id"] = "rbd:f-s-i-d/volumes//id-of-another";
  expect_stale("maps another image than the held one: rbd:f-s-i-d/volumes//id-of-data");
  below_["image.id"] = "rbd:another/volumes//id-of-data";
  expect_stale("maps another image than the held one");
  below_["image.id"] = "rbd:f-s-i-d/volumes/space/id-of-data";
  expect_stale("maps another image than the held one");
  below_["image.id"] = "rbd:f-s-i-d/volumes//id-of-data";
  spec_.access = Access::ReadOnly;
  expect_stale("is mapped read-write, desired: read-only");
  spec_.access = Access::ReadWrite;
  spec_.size_bytes = 2 << 20;
  expect_stale("has 1048576 bytes, desired: 2097152");
  spec_.size_bytes = 1 << 20;
  spec_.limits["bytes_per_second"] = 1;  // another node's order
  EXPECT_EQ(probe().standing, Standing::Up) << "it stays mapped";
  EXPECT_NE(probe().why.find("limits are not enforced on /dev/rbd"), std::string::npos) << probe().why;
  spec_.limits.clear();
  add("5");
  expect_stale("it is mapped twice: on /dev/rbd4 and /dev/rbd5");
}

// An image may end within a sector, which the kernel does not show.
TEST_F(KrbdMapOnPaper, AnImageOfNoWholeSectorsIsUp) {
  add("4");
  spec_.size_bytes = (1 << 20) + 511;
  EXPECT_EQ(probe().standing, Standing::Up) << probe().why;
  spec_.size_bytes = (1 << 20) + 512;
  expect_stale("has 1048576 bytes, desired: 1049088");
}

TEST_F(KrbdMapOnPaper, IsNotConcernedByMappingsOfOthers) {
  add("4", {.image = "data", .mark = "client.admin"});
  add("5", {.image = "data", .mark = device_mark("node-2", key_.volume)});
  before_ = {{"device.path", "/dev/rbd4"}};
  const auto finding = probe();
  EXPECT_EQ(finding.standing, Standing::Down);
  EXPECT_EQ(finding.why, "/dev/rbd4 now maps volumes/data: it was mapped by another program");
  EXPECT_TRUE(map_->survey(Clock::now() + std::chrono::minutes(1)).empty());
  EXPECT_TRUE(std::holds_alternative<Done>(map_->lower(call())));
  EXPECT_EQ(sysfs_.told("remove_single_major"), "");
}

TEST_F(KrbdMapOnPaper, SurveysWhatCarriesItsMarkInItsPlace) {
  add("4");
  add("5", {.image = "more"});
  add("6", {.image = "elsewhere", .name_space = "space"});
  const auto found = map_->survey(Clock::now() + std::chrono::minutes(1));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].key, (AttachmentKey{VolumeId{"ceph/more"}, TargetId{"host"}}));
  EXPECT_EQ(found[1].what, "kernel mapping /dev/rbd5 of volumes/more");
  EXPECT_EQ(found[0].facts, probe().facts);
}

TEST_F(KrbdMapOnPaper, LowersByItsMarkAloneWhereNothingElseIsKnown) {
  add("4");
  below_ = {};
  EXPECT_TRUE(std::holds_alternative<Done>(map_->lower(call())));
  EXPECT_EQ(sysfs_.told("remove_single_major"), "4");
}

TEST_F(KrbdMapOnPaper, IsUnfitForWhatTheKernelCannot) {
  const auto why = [&](std::uint64_t features) {
    Header header;
    header.features = features;
    return map_->unfit(call(), header).value_or("");
  };
  EXPECT_EQ(why(61), "");
  EXPECT_NE(why(61 | 64).find("lacks features that the image has: journaling"), std::string::npos) << why(61 | 64);
  spec_.limits["iops"] = 1;
  EXPECT_NE(why(61).find("krbd does not support limits"), std::string::npos);
  spec_.limits["iops"] = 0;
  sysfs_.remove_module();
  EXPECT_NE(why(61).find("this kernel has no RBD client: run `modprobe rbd`"), std::string::npos) << why(61);
}
}  // namespace
}  // namespace blockplug::rbd::testing
