// SPDX-License-Identifier: Apache-2.0
// The limits of a local volume are an attribute of its file.
#include <sys/xattr.h>

#include "tests/volume-plugin/local/local_world.h"

namespace blockplug::local::testing {
namespace {

class LimitsTest : public LocalWorld {
 protected:
  Attempt modify(const std::string& name, Facts arguments) {
    const Order order{1, VolumeId{"local/" + name}, OrderKind::Modify, std::move(arguments)};
    struct : Journal {
      Status keep(const Facts&) override { return Ok{}; }
    } journal;
    return backend_->perform({order, {}, Time::max(), {}, "test", journal});
  }
  VolumeLimits limits(const std::string& name) { return backend_->find(VolumeId{"local/" + name})->limits; }
};

TEST_F(LimitsTest, AreKeptWithTheFileAndGoWhenTheyAreNull) {
  done(perform(*backend_, OrderKind::Create, "a", kMiB));
  EXPECT_EQ(limits("a"), VolumeLimits{});
  EXPECT_EQ(done(modify("a", {{"iops", "500"}})), (Facts{{"limit.iops", "500"}}));
  EXPECT_EQ(done(modify("a", {{"bytes_per_second", "1048576"}})),
            (Facts{{"limit.bytes_per_second", "1048576"}, {"limit.iops", "500"}}));
  EXPECT_EQ(limits("a"), (VolumeLimits{{"iops", 500}, {"bytes_per_second", 1048576}}));
  EXPECT_EQ(backend_->list()->front().limits, limits("a"));
  EXPECT_EQ(done(modify("a", {{"iops", "0"}, {"bytes_per_second", "0"}})), Facts{});
  EXPECT_EQ(limits("a"), VolumeLimits{});
  EXPECT_LT(::getxattr(backend_->directory().path_of("a").c_str(), "trusted.blockplug.limits", nullptr, 0), 0);
}

TEST_F(LimitsTest, OfSomebodyElseAreNotTakenForNone) {
  done(perform(*backend_, OrderKind::Create, "a", kMiB));
  ASSERT_EQ(::setxattr(backend_->directory().path_of("a").c_str(), "trusted.blockplug.limits", "fast", 4, 0), 0);
  EXPECT_EQ(backend_->find(VolumeId{"local/a"}).error().code, Code::FailedPrecondition);
  EXPECT_EQ(backend_->list()->size(), 1U) << "it is listed all the same";
}

TEST_F(LimitsTest, AreRefusedWhereThereIsNoVolumeOrTheyCannotBe) {
  EXPECT_EQ(error(modify("none", {{"iops", "5"}})).code, Code::NotFound);
  done(perform(*backend_, OrderKind::Create, "a", kMiB));
  EXPECT_EQ(error(modify("a", {{"iops", "1000000001"}})).code, Code::OutOfRange);
}

TEST_F(LimitsTest, ThereAreNoSnapshotsOfALocalVolume) {
  done(perform(*backend_, OrderKind::Create, "a", kMiB));
  EXPECT_TRUE(backend_->snapshots(VolumeId{"local/a"})->empty());
  EXPECT_EQ(backend_->snapshots(VolumeId{"local/none"}).error().code, Code::NotFound);
}

}  // namespace
}  // namespace blockplug::local::testing
