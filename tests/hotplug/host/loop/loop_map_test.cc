// SPDX-License-Identifier: Apache-2.0
#include "hotplug/host/loop/loop_map.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>

#include "hotplug/host/device_mark.h"
#include "hotplug/host/file_descriptor.h"
#include "hotplug/rungs.h"
#include "tests/hotplug/host/loop/loop_world.h"

namespace blockplug::testing {
namespace {
namespace fs = std::filesystem;

class LoopMapTest : public LoopWorld {
 protected:
  LoopMapTest() : file_(make_file("data")) { hold(file_); }
  Finding probe() { return map_->probe(call()); }
  void lower() { done(map_->lower(call())), before_ = {}; }
  std::string raise_formatted() {
    const auto device = raised();
    EXPECT_EQ(run("mkfs.ext4 -q " + device).exit_code, 0);
    return device;
  }
  void expect_text(const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
  }
  const std::string file_;
};

// The contract of every rung.
TEST_F(LoopMapTest, KeepsTheContractOfARung) {
  EXPECT_EQ(probe().standing, Standing::Down);
  EXPECT_TRUE(devices_over(file_).empty()) << "probe changed something";
  done(map_->lower(call()));
  const auto facts = raise(*map_);
  EXPECT_EQ(raise(*map_), facts) << "raised twice";
  EXPECT_EQ(devices_over(file_), std::vector<std::string>{facts.at("device.path")});
  const auto finding = probe();
  EXPECT_EQ(finding.standing, Standing::Up) << finding.why;
  EXPECT_EQ(finding.facts, facts);
  EXPECT_EQ(facts.at("device.size_bytes"), std::to_string(16 * kMiB));
  EXPECT_EQ(facts.at("device.direct"), "false");
  EXPECT_EQ(run("stat -c '%Hr:%Lr' " + facts.at("device.path")).output, facts.at("device.number"));
  done(map_->lower(call()));
  done(map_->lower(call()));
  EXPECT_TRUE(devices_over(file_).empty());
  EXPECT_EQ(probe().standing, Standing::Down);
}

TEST_F(LoopMapTest, FindsItsDeviceAgainAfterACrashWithAndWithoutItsRecord) {
  const auto facts = raise(*map_);
  auto restarted = make_map();
  EXPECT_EQ(restarted->probe(call()).standing, Standing::Up);
  before_ = {};  // it crashed before the outcome was stored
  const auto finding = restarted->probe(call());
  EXPECT_EQ(finding.standing, Standing::Up);
  EXPECT_EQ(finding.facts, facts);
  EXPECT_EQ(raise(*restarted), facts);
  before_ = {};
  below_ = {};
  done(restarted->lower(call()));
  EXPECT_TRUE(devices_over(file_).empty());
}

TEST_F(LoopMapTest, MapsReadOnlyAndChangesTheAccessWhereItIsDesiredOtherwise) {
  hold(file_, Access::ReadOnly);
  const auto device = raised();
  EXPECT_FALSE(may_write(device));
  hold(file_, Access::ReadWrite);
  const auto stale = probe();
  EXPECT_EQ(stale.standing, Standing::Stale);
  expect_text(stale.why, "is mapped read-only, desired: read-write");
  const auto again = raised();
  EXPECT_TRUE(may_write(again));
  EXPECT_EQ(devices_over(file_).size(), 1U);
  lower();
}

TEST_F(LoopMapTest, MapsWithDirectAccessWhereTheHoldSaysSo) {
  below_["image.direct"] = "true";
  EXPECT_EQ(raise(*map_).at("device.direct"), "true");
  lower();
}

TEST_F(LoopMapTest, MapsAFileThatMayOnlyBeRead) {
  fs::permissions(file_, fs::perms::owner_read);
  hold(file_, Access::ReadOnly);
  raised();
  EXPECT_EQ(probe().standing, Standing::Up);
  lower();
}

TEST_F(LoopMapTest, RefusesAFileThatIsMissingOrAnother) {
  below_["image.path"] = directory_ / "nothing";
  auto refused = error(map_->raise(call()));
  EXPECT_EQ(refused.effect, Effect::None);
  EXPECT_EQ(refused.code, Code::NotFound);
  hold(file_);
  const auto other = make_file("other");
  below_["image.path"] = other;
  refused = error(map_->raise(call()));
  EXPECT_EQ(refused.effect, Effect::None);
  EXPECT_EQ(refused.code, Code::FailedPrecondition);
  expect_text(refused.message, "it was replaced");
  EXPECT_TRUE(devices_over(other).empty());
}

TEST_F(LoopMapTest, GrowsWithItsFileWhileItIsMounted) {
  const auto device = raise_formatted();
  ASSERT_EQ(run("mount " + device + " " + mount_point()).exit_code, 0);
  fs::resize_file(file_, 64 * kMiB);
  hold(file_);
  const auto stale = probe();
  EXPECT_EQ(stale.standing, Standing::Stale);
  expect_text(stale.why, "desired: " + std::to_string(64 * kMiB));
  const auto facts = raise(*map_);
  EXPECT_EQ(facts.at("device.path"), device);
  EXPECT_EQ(facts.at("device.size_bytes"), std::to_string(64 * kMiB));
  EXPECT_EQ(run("blockdev --getsize64 " + device).output, std::to_string(64 * kMiB));
  EXPECT_EQ(probe().standing, Standing::Up);
  EXPECT_EQ(run("umount " + mount_point()).exit_code, 0);
  lower();
}

TEST_F(LoopMapTest, SaysThatTheFileIsTooSmallForTheVolume) {
  spec_.size_bytes = 64 * kMiB;
  const auto refused = error(map_->raise(call()));
  EXPECT_EQ(refused.effect, Effect::Unknown);
  expect_text(refused.message, "is smaller than the volume");
  lower();
}

TEST_F(LoopMapTest, WaitsWhileItIsMountedAndIsBrokenByAHole) {
  const auto device = raise_formatted();
  ASSERT_EQ(run("mount " + device + " " + mount_point()).exit_code, 0);
  expect_text(waiting(map_->lower(call())), device + " is still in use by the mount on " + mount_point());
  const auto broken = error(map_->lower(call(LowerReason::GapBelow)));
  EXPECT_EQ(broken.code, Code::FailedPrecondition);
  EXPECT_EQ(broken.effect, Effect::None);
  const auto finding = probe();
  EXPECT_EQ(finding.standing, Standing::Up);
  EXPECT_EQ(finding.why, "") << "it was left half-detached";
  EXPECT_EQ(run("touch " + mount_point() + "/still-there").exit_code, 0);
  EXPECT_EQ(run("umount " + mount_point()).exit_code, 0);
  lower();
}

TEST_F(LoopMapTest, WaitsWhileItIsMountedInAnotherNamespaceOnly) {
  const auto device = raise_formatted();
  ElsewhereMounted elsewhere(device, mount_point());
  const auto text = waiting(map_->lower(call()));
  expect_text(text, "the mount on " + mount_point() + " in the mount namespace of process " + std::to_string(elsewhere.pid()));
  EXPECT_EQ(probe().standing, Standing::Up);
  elsewhere.end();
  // The kernel unmounts a dead namespace's file systems with a delay.
  EXPECT_TRUE(log_.wait_until([&] { return std::holds_alternative<Done>(map_->lower(call())); }));
}

TEST_F(LoopMapTest, WaitsForAProcessThatHasItOpenAndNamesIt) {
  const auto device = raised();
  {
    const FileDescriptor open(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
    expect_text(waiting(map_->lower(call())), "process " + std::to_string(::getpid()) + " (");
    EXPECT_EQ(probe().why, "");
  }
  lower();
}

TEST_F(LoopMapTest, IsUpWithAReasonWhereSomebodyDetachedItLazily) {
  const auto device = raise_formatted();
  ASSERT_EQ(run("mount " + device + " " + mount_point()).exit_code, 0);
  ASSERT_EQ(run("losetup -d " + device).exit_code, 0);
  const auto finding = probe();
  EXPECT_EQ(finding.standing, Standing::Up);
  expect_text(finding.why, "`losetup -d " + device + "` was run");
  waiting(map_->lower(call()));
  EXPECT_EQ(run("umount " + mount_point()).exit_code, 0);
  const auto gone = probe();
  EXPECT_EQ(gone.standing, Standing::Down);
  if (gone.why.find(device + " now maps ") == std::string::npos)  // another process may have been quick
    expect_text(gone.why, device + " is no longer mapped");
  lower();
}

TEST_F(LoopMapTest, IsDownWhereSomebodyElseHasItsNumberAndNeverTouchesThat) {
  const auto device = raised();
  const auto other = make_file("other");
  ASSERT_EQ(run("losetup -d " + device).exit_code, 0);
  if (run("losetup " + device + " " + other).exit_code != 0) {
    const auto whose = run("losetup --noheadings -O BACK-FILE " + device).output;
    EXPECT_EQ(whose.find(directory_.native()), std::string::npos) << "we have it still: " << whose;
    done(map_->lower(call()));
    GTEST_SKIP() << "another process was quicker to take the number";
  }
  const auto finding = probe();
  EXPECT_EQ(finding.standing, Standing::Down);
  expect_text(finding.why, device + " now maps " + other);
  done(map_->lower(call()));
  EXPECT_EQ(devices_over(other), std::vector<std::string>{device});
  const auto ours = raised();
  EXPECT_NE(ours, device);
  lower();
  ASSERT_EQ(run("losetup -d " + device).exit_code, 0);
}

TEST_F(LoopMapTest, LetsAloneWhatAnotherDaemonMappedOverTheSameFile) {
  auto other = make_map("node-2");
  const auto theirs = done(other->raise(call()));
  EXPECT_EQ(probe().standing, Standing::Down);
  EXPECT_FALSE(map_->is_ours(key_, theirs.at("device.path")));
  EXPECT_TRUE(other->is_ours(key_, theirs.at("device.path")));
  EXPECT_FALSE(other->is_ours({key_.volume, TargetId("vm:web-0")}, theirs.at("device.path")));
  done(map_->lower(call()));
  EXPECT_EQ(devices_over(file_).size(), 1U);
  done(other->lower(call()));
}

TEST_F(LoopMapTest, StaysUpWhereItsFileWasDeletedAndStillComesDown) {
  const auto device = raised();
  fs::remove(file_);
  EXPECT_EQ(probe().standing, Standing::Up);
  EXPECT_EQ(map_->is_ours(key_, device), true);
  lower();
  EXPECT_FALSE(*loop::at(device));
}

TEST_F(LoopMapTest, IsStaleOverAnotherFileThanTheOneHeldNowAndMapsThatInstead) {
  raised();
  const auto other = make_file("other");
  hold(other);
  EXPECT_EQ(probe().standing, Standing::Stale);
  raised();
  EXPECT_TRUE(devices_over(file_).empty());
  EXPECT_EQ(devices_over(other).size(), 1U);
  EXPECT_EQ(probe().standing, Standing::Up);
  lower();
}

TEST_F(LoopMapTest, DoesNothingWhileTheNodeOfItsDeviceIsMissing) {
  const auto facts = raise(*map_);
  const auto device = facts.at("device.path");
  ASSERT_EQ(::unlink(device.c_str()), 0);
  const auto command = "mknod " + device + " b 7 " + facts.at("device.number").substr(2);
  const auto finding = probe();
  EXPECT_EQ(finding.standing, Standing::Unknown);
  expect_text(finding.why, "run `" + command + "`");
  for (const auto& refused : {error(map_->lower(call())), error(map_->raise(call()))}) EXPECT_EQ(refused.effect, Effect::None);
  EXPECT_EQ(run(command).exit_code, 0);
  EXPECT_EQ(probe().standing, Standing::Up);
  EXPECT_EQ(devices_over(file_).size(), 1U);
  lower();
}

TEST_F(LoopMapTest, SurveysWhatCarriesOurMarkAndNothingElse) {
  const auto facts = raise(*map_);
  const auto foreign = run("losetup -f --show " + make_file("foreign")).output;
  auto other = make_map("node-2");
  EXPECT_TRUE(other->survey(Clock::now() + std::chrono::minutes(1)).empty());
  const auto found = map_->survey(Clock::now() + std::chrono::minutes(1));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].key, key_);
  EXPECT_EQ(found[0].kind, rungs::kMap);
  EXPECT_EQ(found[0].facts, facts);
  EXPECT_EQ(found[0].what, "loop device " + facts.at("device.path") + " over " + file_);
  EXPECT_EQ(run("losetup -d " + foreign).exit_code, 0);
  // An orphan is lowered with only the facts of the survey.
  before_ = found[0].facts;
  below_ = {};
  lower();
  EXPECT_TRUE(devices_over(file_).empty());
}

TEST_F(LoopMapTest, WaitsForAHelperThatWasLeftBehind) {
  const auto script = directory_ / "stuck";
  ASSERT_EQ(run("mkfifo " + (directory_ / "never").native()).exit_code, 0);
  std::ofstream(script) << "#!/bin/sh\necho $$ > " << (directory_ / "pid").native() << "\ncat > /dev/null\nread x < "
                        << (directory_ / "never").native() << "\n";
  fs::permissions(script, fs::perms::owner_all);
  helper_ = std::make_unique<Helper>(script, directory_ / "book");
  map_ = make_map();
  auto short_call = call();
  short_call.deadline = Clock::now() + std::chrono::milliseconds(1500);
  EXPECT_EQ(error(map_->raise(short_call)).code, Code::DeadlineExceeded);
  expect_text(waiting(map_->raise(call())), "mapping " + file_ + " (process ");
  expect_text(waiting(map_->lower(call())), "has not ended");
  const auto finding = probe();
  EXPECT_EQ(finding.standing, Standing::Unknown);
  expect_text(finding.why, "has not ended");
  pid_t pid{};
  std::ifstream(directory_ / "pid") >> pid;
  ASSERT_GT(pid, 1);
  ::kill(-pid, SIGKILL);
  EXPECT_TRUE(log_.wait_until([&] { return probe().standing == Standing::Down; }));
}
}  // namespace
}  // namespace blockplug::testing
