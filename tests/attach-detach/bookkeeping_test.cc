// SPDX-License-Identifier: Apache-2.0
// Records elsewhere (Cinder's attachment): what becomes of the disk when the cloud forgets them, is away, or loses its answers.
#include <algorithm>

#include "tests/attach-detach/manager_fixture.h"

namespace blockplug::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class Bookkeeping : public ManagerTest {
 protected:
  AttachmentReport report() const { return *manager->explain(key("cinder/v", "vm:a")); }
  void forget(const RungKind& kind) { world.up.erase({key("cinder/v", "vm:a"), {kind, {}}}); }
  // The cloud is away: what it is asked is not answered, and nothing of it can be verified.
  void send_cloud_away() {
    const auto silent = no_effect(Code::Unavailable, "the cloud does not answer");
    for (const auto& kind : {rungs::kReserve, rungs::kConnect, rungs::kConfirm}) {
      world.findings[kind] = {Standing::Unknown, {}, "the cloud does not answer"};
      world.script["raise " + kind.str()] = std::deque<Attempt>(200, silent);
      world.script["lower " + kind.str()] = std::deque<Attempt>(200, silent);
    }
  }
  void bring_cloud_back() { world.findings.clear(), world.script.clear(); }
  int count(const std::string& call) const {
    return static_cast<int>(std::count(world.calls.begin(), world.calls.end(), call + " of cinder/v to vm:a"));
  }
  int count_lowered() const {
    return static_cast<int>(
        std::count_if(world.calls.begin(), world.calls.end(), [](const auto& call) { return call.starts_with("lower"); }));
  }
};

TEST_F(Bookkeeping, ForgottenIsMadeAgainBelowTheDisk) {
  attached("cinder/v", "vm:a");
  forget(rungs::kReserve), forget(rungs::kConnect);
  runner.pass(minutes(6));  // a resync finds it
  EXPECT_EQ(count("raise reserve"), 1);
  EXPECT_EQ(count("raise connect"), 1);
  EXPECT_EQ(count("raise hold"), 0);
  EXPECT_EQ(count_lowered(), 0);
  EXPECT_EQ(report().state, State::Attached);
}

TEST_F(Bookkeeping, ThatCannotBeMadeAgainIsSaidAndTheDiskStays) {
  attached("cinder/v", "vm:a");
  forget(rungs::kReserve);
  world.script["raise reserve"] =
      std::deque<Attempt>(100, no_effect(Code::FailedPrecondition, "somebody else has reserved the volume"));
  runner.pass(minutes(30));
  EXPECT_EQ(report().state, State::Degraded);
  EXPECT_NE(summary(report()).find("somebody else has reserved the volume"), std::string::npos) << summary(report());
  EXPECT_EQ(count_lowered(), 0);
  EXPECT_EQ(report().highest, rungs::kConfirm);
}

TEST_F(Bookkeeping, OfACloudThatIsAwayForHoursLeavesTheDisk) {
  attached("cinder/v", "vm:a");
  send_cloud_away();
  runner.pass(hours(5));
  EXPECT_EQ(report().state, State::Degraded);
  EXPECT_NE(summary(report()).find("the cloud does not answer"), std::string::npos) << summary(report());
  EXPECT_EQ(count_lowered(), 0);
  bring_cloud_back();
  runner.pass(minutes(10));
  EXPECT_EQ(report().state, State::Attached);
}

TEST_F(Bookkeeping, OfACloudThatIsAwayKeepsNeitherALeafNorAResizeBack) {
  attached("cinder/v", "vm:a");
  send_cloud_away();
  runner.pass(minutes(10));
  auto& mounted = attach(with_leaf(request("cinder/v", "vm:a"), "/p"));
  runner.pass(seconds(30));
  EXPECT_TRUE(mounted.is_ok()) << (mounted.error ? mounted.error->message : "not told");
  auto& grown = order("cinder/v", OrderKind::Resize, {{"size_bytes", std::to_string(2 << 20)}});
  runner.pass(seconds(30));
  EXPECT_TRUE(grown.is_ok());
  EXPECT_EQ(count("raise open"), 1) << "it shows the new size";
}

TEST_F(Bookkeeping, OfACloudThatIsAwayKeepsNoDetachOfTheDiskBack) {
  attached("cinder/v", "vm:a");
  send_cloud_away();
  runner.pass(minutes(10));
  auto& gone = detach("cinder/v", "vm:a");
  runner.pass(minutes(1));
  EXPECT_EQ(count("lower plug"), 1);
  EXPECT_EQ(count("lower hold"), 1);
  EXPECT_EQ(gone.times, 0) << "its record is still there";
  EXPECT_EQ(report().state, State::Detaching);
  bring_cloud_back();
  runner.pass(minutes(5));
  EXPECT_TRUE(gone.is_ok());
  EXPECT_FALSE(is_known("cinder/v", "vm:a"));
}

TEST_F(Bookkeeping, OfACloudThatIsAwayKeepsNewDisksBack) {
  send_cloud_away();
  auto& heard = attach("cinder/v", "vm:a");
  runner.pass(minutes(1));
  EXPECT_EQ(heard.times, 0);
  EXPECT_EQ(count("raise hold"), 0);
  bring_cloud_back();
  runner.pass(minutes(2));
  EXPECT_TRUE(heard.is_ok());
}

TEST_F(Bookkeeping, IsVerifiedAfterARestartAndNobodyWaitsForIt) {
  attached("cinder/v", "vm:a");
  end_life();
  send_cloud_away();
  begin_life();
  auto& heard = attach("cinder/v", "vm:a");
  runner.pass(seconds(10));
  EXPECT_TRUE(heard.is_ok()) << "the disk is there";
  EXPECT_EQ(report().state, State::Degraded);
}

// Another node has the volume now: this one does not reserve it again behind its back.
TEST_F(Bookkeeping, OfWhatWasFencedIsNotMadeAgainUnasked) {
  attached("cinder/v", "vm:a");
  world.up.erase({key("cinder/v", "vm:a"), {rungs::kHold, {}}});
  world.findings[rungs::kHold] = {Standing::Foreign, {}, "fenced off this node; held by n2", true};
  manager->doubt_volume(VolumeId("cinder/v"));
  runner.run();
  ASSERT_EQ(report().state, State::Fenced);
  const auto before = count("raise reserve");
  forget(rungs::kReserve), forget(rungs::kConnect);
  runner.pass(minutes(10));
  EXPECT_EQ(count("raise reserve"), before);
  EXPECT_EQ(report().state, State::Fenced);
  world.findings.clear();
  auto& again = attach("cinder/v", "vm:a");
  runner.pass(minutes(1));
  EXPECT_TRUE(again.is_ok());
}

// What a VM tells is no news of the cloud's records: they are looked at when there is time, and not one by one for each event.
TEST_F(Bookkeeping, IsNotDoubtedForAnEventOfTheVm) {
  attached("cinder/v", "vm:a");
  send_cloud_away();
  manager->doubt_target(TargetId("vm:a"));
  runner.run();
  EXPECT_EQ(count("probe plug"), 1);
  EXPECT_EQ(count_lowered(), 0);
  const auto probed = [&](const std::string& kind) {
    return std::find(world.calls.begin(), world.calls.end(), "probe " + kind + " of cinder/v to vm:a");
  };
  EXPECT_LT(probed("plug"), probed("reserve"));
  EXPECT_EQ(report().state, State::Degraded);
}

}  // namespace
}  // namespace blockplug::test
