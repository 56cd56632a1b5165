// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/mount/hand_over.h"

#include <nlohmann/json.hpp>

#include "hotplug/guest/guest_mount.h"
#include "hotplug/guest_path.h"
#include "hotplug/host/device_mark.h"
#include "tests/hotplug/host/mount/mount_bench.h"

namespace blockplug::testing {
namespace {

class HandOver : public MountBench {
 protected:
  HandOver() {
    spec.access = Access::ReadOnly;
    spec.filesystem.clear();
    spec.staging_path = pod;
  }
  Call call_of(LowerReason because = LowerReason::NotWanted) {
    auto made = call(state, {rungs::kHandOver, {}}, nullptr, because);
    return {of_vm,         made.rung, made.spec,      made.leaf,         made.below,  made.before,
            made.deadline, made.stop, made.operation, made.lower_reason, made.journal};
  }
  std::string raise() { return settle(state, hand_over.raise(call_of()), true); }
  std::string lower() { return settle(state, hand_over.lower(call_of()), false); }
  Finding probe() { return hand_over.probe(call_of()); }

  const AttachmentKey of_vm{VolumeId("local/data-1"), TargetId("vm:web")};
  const std::string pod = scratch.at("pods/web/data");
  const std::string file = pod + "/blockplug.json";
  State state;
  mount::HandOver hand_over{{helper, watch, "n1 " + scratch.at("state"), "local"}};
};

TEST_F(HandOver, TellsWhereTheGuestHasTheVolumeAndGoesWithoutATrace) {
  ASSERT_EQ(raise(), "done");
  const auto said = nlohmann::json::parse(all_bytes(file));
  EXPECT_EQ(said, (nlohmann::json{{"version", 1},
                                  {"volume", "local/data-1"},
                                  {"vm", "web"},
                                  {"path", pod},
                                  {"guest_path", "/run/blockplug/volumes/local/data-1"},
                                  {"access", "read-only"}}));
  EXPECT_EQ(probe().standing, Standing::Up);
  ASSERT_EQ(raise(), "done");
  int count = 0;
  for (const auto& mount : mounts()) count += mount.path == pod ? 1 : 0;
  EXPECT_EQ(count, 1);
  ASSERT_EQ(lower(), "done");
  EXPECT_FALSE(files::exists(scratch.at("pods")));
  EXPECT_EQ(probe().standing, Standing::Down);
  EXPECT_EQ(lower(), "done");
}

// A pod that is in no such VM must not lose what it writes there.
TEST_F(HandOver, CannotBeWrittenByAnyWay) {
  ASSERT_EQ(raise(), "done");
  EXPECT_FALSE(std::ofstream{file}.is_open());
  EXPECT_FALSE(std::ofstream{pod + "/data"}.is_open());
  const auto there = mounted_at(pod);
  ASSERT_TRUE(there);
  EXPECT_TRUE(there->is_bound_read_only && there->is_filesystem_read_only);
  EXPECT_NE(::chmod(file.c_str(), 0666), 0);
  EXPECT_EQ(lower(), "done");
}

TEST_F(HandOver, IsFoundAgainWithoutARecordAndOnlyByItsDaemon) {
  ASSERT_EQ(raise(), "done");
  const auto found = hand_over.survey(Clock::now() + std::chrono::seconds(10));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].key, of_vm);
  EXPECT_EQ(found[0].kind, rungs::kHandOver);
  EXPECT_EQ(found[0].facts, (Facts{{"mount.path", pod}, {"mount.staging_path", pod}}));
  EXPECT_EQ(found[0].hides, (RungId{rungs::kGuestMount, "/run/blockplug/volumes/local/data-1"}));
  mount::HandOver of_another{{helper, watch, "n2", "local"}}, of_another_backend{{helper, watch, "n1 " + scratch.at("state"), "x"}};
  EXPECT_TRUE(of_another.survey(Clock::now() + std::chrono::seconds(10)).empty());
  EXPECT_TRUE(of_another_backend.survey(Clock::now() + std::chrono::seconds(10)).empty());
  state.before.clear();
  EXPECT_EQ(probe().standing, Standing::Up);
  ASSERT_EQ(raise(), "done");
  EXPECT_EQ(lower(), "done");
}

TEST_F(HandOver, RefusesAPathThatIsTaken) {
  files::create_directories(pod);
  std::ofstream{pod + "/data"} << "precious";
  EXPECT_HAS(raise(), "is not empty");
  EXPECT_EQ(all_bytes(pod + "/data"), "precious");
  files::remove(pod + "/data");
  ASSERT_EQ(::mount("other", pod.c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_HAS(raise(), "FAILED_PRECONDITION");
  EXPECT_EQ(probe().standing, Standing::Foreign);
  EXPECT_EQ(lower(), "done");
  EXPECT_TRUE(mounted_at(pod)) << "it is somebody else's";
}

TEST_F(HandOver, ThatWasUnmountedByOthersIsMissedAndMadeAgain) {
  ASSERT_TRUE(watch.start().ok());
  ASSERT_EQ(raise(), "done");
  must({"umount", pod});
  EXPECT_TRUE(events.wait_for("doubt local/data-1"));
  EXPECT_EQ(probe().standing, Standing::Partial);
  ASSERT_EQ(raise(), "done");
  EXPECT_TRUE(mounted_at(pod));
  EXPECT_EQ(lower(), "done");
}

TEST_F(HandOver, InUseIsWaitedFor) {
  ASSERT_EQ(raise(), "done");
  const int open = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_HAS(lower(), "waiting: " + pod + " is in use by");
  ::close(open);
  EXPECT_EQ(lower(), "done");
}

// What a runtime binds from it is the runtime's.
TEST_F(HandOver, ABindOfItElsewhereIsNone) {
  ASSERT_EQ(raise(), "done");
  const auto elsewhere = scratch.at("elsewhere");
  files::create_directory(elsewhere);
  must({"mount", "--bind", pod, elsewhere});
  const auto found = hand_over.survey(Clock::now() + std::chrono::seconds(10));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(fact(found[0].facts, "mount.path"), pod);
  EXPECT_EQ(lower(), "done");
  EXPECT_TRUE(mounted_at(elsewhere));
  must({"umount", elsewhere});
}

TEST_F(HandOver, CoveredByAnotherMountIsNotSaidToBeGone) {
  ASSERT_EQ(raise(), "done");
  ASSERT_EQ(::mount("other", pod.c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_EQ(probe().standing, Standing::Stale);
  EXPECT_HAS(lower(), "FAILED_PRECONDITION");
  must({"umount", pod});
  EXPECT_EQ(lower(), "done");
}

TEST_F(HandOver, ThroughALinkIsKnownByThePathThatWasAskedFor) {
  files::create_directory(scratch.at("real"));
  files::create_directory_symlink(scratch.at("real"), scratch.at("link"));
  spec.staging_path = scratch.at("link/data");
  ASSERT_EQ(raise(), "done");
  EXPECT_EQ(state.before, (Facts{{"mount.path", scratch.at("real/data")}, {"mount.staging_path", spec.staging_path}}));
  const auto found = hand_over.survey(Clock::now() + std::chrono::seconds(10));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].facts, state.before);
  EXPECT_EQ(lower(), "done");
}

TEST_F(HandOver, NoneIsDown) {
  spec.staging_path.clear();
  EXPECT_EQ(probe().standing, Standing::Down);
  EXPECT_EQ(lower(), "done");
}

TEST(GuestPath, IsAPathWhateverTheVolumeIsCalled) {
  EXPECT_EQ(guest_path_of(VolumeId("ceph/pvc-1")), "/run/blockplug/volumes/ceph/pvc-1");
  for (const auto* odd : {"ceph/a b", "ceph/../../etc", "ceph/a//b", "ceph/.", "ceph/\xff"}) {
    const auto path = guest_path_of(VolumeId(odd));
    EXPECT_TRUE(check_guest_path(path).ok()) << path;
    EXPECT_EQ(path.find(odd), std::string::npos) << path;
    EXPECT_EQ(path.size(), std::string("/run/blockplug/volumes/").size() + 26) << path;
  }
}

}  // namespace
}  // namespace blockplug::testing
