// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/node.h"

#include "tests/volume-plugin/csi/csi_world.h"

namespace blockplug::test {
namespace {
using Kubelet = v1::Node::Stub;
using std::chrono::seconds;
using enum grpc::StatusCode;

class CsiNode : public CsiTest {};

TEST_F(CsiNode, StagesPublishesUnpublishesAndUnstagesEachAsOftenAsItIsAsked) {
  for (int time = 0; time < 2; ++time) EXPECT_TRUE(kubelet->call(&Kubelet::NodeStageVolume, stage()).first.ok());
  for (int time = 0; time < 2; ++time) EXPECT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, publish("pod")).first.ok());
  EXPECT_TRUE(is_up(rungs::kStage) && is_up(rungs::kPublish, path("pod")));
  const auto bare = kubelet->call(&Kubelet::NodeUnstageVolume, unstage()).first;
  EXPECT_EQ(bare.error_code(), FAILED_PRECONDITION) << bare.error_message();
  for (int time = 0; time < 2; ++time) EXPECT_TRUE(kubelet->call(&Kubelet::NodeUnpublishVolume, unpublish("pod")).first.ok());
  EXPECT_TRUE(is_up(rungs::kStage) && !is_up(rungs::kPublish, path("pod")));
  for (int time = 0; time < 2; ++time) EXPECT_TRUE(kubelet->call(&Kubelet::NodeUnstageVolume, unstage()).first.ok());
  EXPECT_TRUE(world.up.empty());
  EXPECT_TRUE(manager->list().empty());
}

TEST_F(CsiNode, APublishWithoutItsStageStages) {
  EXPECT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, publish("pod")).first.ok());
  EXPECT_TRUE(is_up(rungs::kStage) && is_up(rungs::kPublish, path("pod")));
}

TEST_F(CsiNode, AtTheDeadlineSaysWhatIsWaitedForAndTheSameCallJoins) {
  world.script["raise map"] = {Waiting{"the storage is slow", std::nullopt}};
  auto first = kubelet->begin(&Kubelet::NodeStageVolume, stage());
  wait_for("raise map of ceph/v to host");
  pass(seconds(101));  // kubelet's own deadline is later
  kubelet->wait(*first);
  EXPECT_EQ(first->status.error_code(), DEADLINE_EXCEEDED);
  EXPECT_NE(first->status.error_message().find("the storage is slow"), std::string::npos) << first->status.error_message();
  EXPECT_EQ(first->status.error_details(), "") << "Go's gRPC would take them for a message of its own";
  manager->doubt_volume(VolumeId("ceph/v"));
  EXPECT_TRUE(kubelet->call(&Kubelet::NodeStageVolume, stage()).first.ok());
}

TEST_F(CsiNode, AStageThatIsOvertakenByAnUnstageIsAborted) {
  world.script["raise map"] = {Waiting{"the storage is slow", std::nullopt}};
  auto staging = kubelet->begin(&Kubelet::NodeStageVolume, stage());
  wait_for("raise map of ceph/v to host");
  EXPECT_TRUE(kubelet->call(&Kubelet::NodeUnstageVolume, unstage()).first.ok());
  kubelet->wait(*staging);
  EXPECT_EQ(staging->status.error_code(), ABORTED) << staging->status.error_message();
  EXPECT_TRUE(world.up.empty());
}

TEST_F(CsiNode, AFinalCodeComesWhenNothingIsLeft) {
  world.script["raise stage"] = {no_effect(Code::InvalidArgument, "a file system of others")};
  const auto status = kubelet->call(&Kubelet::NodeStageVolume, stage()).first;
  EXPECT_EQ(status.error_code(), INVALID_ARGUMENT) << status.error_message();
  EXPECT_TRUE(world.up.empty());
  EXPECT_TRUE(manager->list().empty());
}

// Kubelet would forget the volume, and never unstage it.
TEST_F(CsiNode, WhatIsRefusedWhileAnEarlierCallIsUnderWayIsNotFinal) {
  world.script["raise map"] = {Waiting{"the storage is slow", std::nullopt}};
  auto first = kubelet->begin(&Kubelet::NodeStageVolume, stage());
  wait_for("raise map of ceph/v to host");
  const auto volume = std::exchange(shelf.volumes, {});
  const auto refused = kubelet->call(&Kubelet::NodeStageVolume, stage()).first;
  EXPECT_EQ(refused.error_code(), ABORTED);
  EXPECT_NE(refused.error_message().find("NOT_FOUND"), std::string::npos) << refused.error_message();
  shelf.volumes = volume;
  EXPECT_TRUE(kubelet->call(&Kubelet::NodeUnstageVolume, unstage()).first.ok());
  kubelet->wait(*first);
  shelf.volumes.clear();
  EXPECT_EQ(kubelet->call(&Kubelet::NodeStageVolume, stage()).first.error_code(), NOT_FOUND) << "nothing is left of it now";
}

TEST_F(CsiNode, OtherParametersAreRefusedAndLeaveWhatIsThere) {
  ASSERT_TRUE(kubelet->call(&Kubelet::NodeStageVolume, stage()).first.ok());
  auto other = stage();
  other.mutable_volume_capability()->mutable_mount()->set_fs_type("xfs");
  EXPECT_EQ(kubelet->call(&Kubelet::NodeStageVolume, other).first.error_code(), ALREADY_EXISTS);
  EXPECT_TRUE(is_up(rungs::kStage));
}

TEST_F(CsiNode, OneThatIsToBeAloneIsRefusedBesideAnotherAndTakenAgainAtItsOwnPath) {
  auto alone = publish("one");
  alone.mutable_volume_capability()->mutable_access_mode()->set_mode(Mode::SINGLE_NODE_SINGLE_WRITER);
  EXPECT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, alone).first.ok());
  EXPECT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, alone).first.ok());
  auto second = alone;
  second.set_target_path(path("two"));
  EXPECT_EQ(kubelet->call(&Kubelet::NodePublishVolume, second).first.error_code(), FAILED_PRECONDITION);
  EXPECT_FALSE(is_up(rungs::kPublish, path("two")));
}

TEST_F(CsiNode, APodInAVmHasItsHandOverAtOnceAndTheDiskWhenItsVmIsThere) {
  targets.absent = TargetId("vm:pod");
  world.script["raise open"] = std::deque<Attempt>(20, Waiting{"VM pod is not there yet", std::nullopt});
  EXPECT_TRUE(kubelet->call(&Kubelet::NodeStageVolume, for_vm(stage())).first.ok());
  EXPECT_TRUE(world.up.empty()) << "nothing is staged";
  for (int time = 0; time < 2; ++time) EXPECT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("pod"))).first.ok());
  EXPECT_TRUE(is_up_in_vm(rungs::kHandOver) && !is_up_in_vm(rungs::kPlug));
  EXPECT_EQ(kubelet->call(&Kubelet::NodeUnstageVolume, unstage()).first.error_code(), FAILED_PRECONDITION);
  world.script.clear();
  manager->doubt_target(TargetId("vm:pod"));
  posted.run();
  EXPECT_TRUE(is_up_in_vm(rungs::kPlug) && is_up_in_vm(rungs::kGuestMount, "/run/blockplug/volumes/ceph/v"));
  for (int time = 0; time < 2; ++time) EXPECT_TRUE(kubelet->call(&Kubelet::NodeUnpublishVolume, unpublish("pod")).first.ok());
  EXPECT_TRUE(world.up.empty());
  EXPECT_TRUE(manager->list().empty());
  EXPECT_TRUE(kubelet->call(&Kubelet::NodeUnstageVolume, unstage()).first.ok());
}

TEST_F(CsiNode, WhatIsHandedOverStaysDesiredWhateverItsVmMeets) {
  world.script["raise guest-mount"] = {no_effect(Code::FailedPrecondition, "a file system of others")};
  EXPECT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("pod"))).first.ok());
  pass(seconds(1));
  ASSERT_TRUE(manager->explain(key("ceph/v", "vm:pod")).has_value());
  EXPECT_TRUE(is_up_in_vm(rungs::kHandOver));
  pass(seconds(120));
  EXPECT_TRUE(is_up_in_vm(rungs::kGuestMount, "/run/blockplug/volumes/ceph/v")) << "tried again";
}

TEST_F(CsiNode, AHandOverThatIsRefusedLeavesNothing) {
  world.script["raise hand-over"] = {no_effect(Code::FailedPrecondition, "the path is not empty")};
  const auto status = kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("pod"))).first;
  EXPECT_EQ(status.error_code(), FAILED_PRECONDITION) << status.error_message();
  EXPECT_TRUE(world.up.empty());
  EXPECT_TRUE(manager->list().empty());
}

TEST_F(CsiNode, APodInAVmAndOneOnTheHostAreNotServedBySameVolume) {
  ASSERT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("pod"))).first.ok());
  const auto beside = kubelet->call(&Kubelet::NodeStageVolume, stage()).first;
  EXPECT_EQ(beside.error_code(), FAILED_PRECONDITION) << beside.error_message();
  EXPECT_TRUE(is_up_in_vm(rungs::kPlug) && !is_up(rungs::kHold));
}

// A pod that was deleted by force, and its successor of the same name in the same VM.
TEST_F(CsiNode, AnotherPathIsHandedOverWhenTheEarlierOneIsGone) {
  ASSERT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("old"))).first.ok());
  world.script["lower guest-mount"] = {Waiting{"the guest uses it", std::nullopt}};
  auto leaving = kubelet->begin(&Kubelet::NodeUnpublishVolume, unpublish("old"));
  wait_for("lower guest-mount /run/blockplug/volumes/ceph/v of ceph/v to vm:pod");
  const auto early = kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("new"))).first;
  EXPECT_EQ(early.error_code(), ABORTED) << early.error_message();
  manager->doubt_volume(VolumeId("ceph/v"));
  posted.run();
  kubelet->wait(*leaving);
  EXPECT_TRUE(leaving->status.ok()) << leaving->status.error_message();
  EXPECT_TRUE(world.up.empty());
  EXPECT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("new"))).first.ok());
  EXPECT_EQ(manager->explain(key("ceph/v", "vm:pod"))->spec.staging_path, path("new"));
}

TEST_F(CsiNode, WithAnotherNameForItsVmWhatIsThereIsNotForgotten) {
  ASSERT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("pod"))).first.ok());
  auto renamed = for_vm(publish("pod"));
  (*renamed.mutable_volume_context())["csi.storage.k8s.io/pod.uid"] = "pod-2";
  const auto status = kubelet->call(&Kubelet::NodePublishVolume, renamed).first;
  EXPECT_EQ(status.error_code(), ABORTED) << status.error_message();
}

TEST_F(CsiNode, AnUnpublishOfAnotherPathLeavesTheHandOver) {
  ASSERT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("pod"))).first.ok());
  EXPECT_TRUE(kubelet->call(&Kubelet::NodeUnpublishVolume, unpublish("other")).first.ok());
  EXPECT_TRUE(is_up_in_vm(rungs::kHandOver) && is_up_in_vm(rungs::kPlug));
}

TEST_F(CsiNode, StatisticsOfAPodInAVmComeFromItsGuest) {
  world.script["raise open"] = {Waiting{"VM pod is not there yet", std::nullopt}};
  ASSERT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("pod"))).first.ok());
  v1::NodeGetVolumeStatsRequest request;
  request.set_volume_id("ceph/v");
  request.set_volume_path(path("pod"));
  const auto [armed, before] = kubelet->call(&Kubelet::NodeGetVolumeStats, request);
  ASSERT_TRUE(armed.ok()) << armed.error_message();
  EXPECT_FALSE(before.volume_condition().abnormal()) << before.volume_condition().message();
  world.script["raise guest-mount"] = {Done{{{"guest.disk", "/dev/sda"}}}};
  manager->doubt_target(TargetId("vm:pod"));
  posted.run();
  targets.fill = mount::Usage{.total_bytes = 10, .used_bytes = 3, .available_bytes = 7, .has_filesystem = true};
  const auto [status, usage] = kubelet->call(&Kubelet::NodeGetVolumeStats, request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(targets.asked, "/run/blockplug/volumes/ceph/v /dev/sda");
  EXPECT_EQ(usage.usage(0).used(), 3);
}

TEST_F(CsiNode, WhatIsNotThereIsGoneWhateverTheBackendSays) {
  shelf.volumes.clear();
  EXPECT_TRUE(kubelet->call(&Kubelet::NodeUnpublishVolume, unpublish("pod", "ceph/gone")).first.ok());
  EXPECT_TRUE(kubelet->call(&Kubelet::NodeUnstageVolume, unstage("ceph/gone")).first.ok());
  EXPECT_TRUE(kubelet->call(&Kubelet::NodeUnpublishVolume, unpublish("pod", "no id")).first.ok());
}

TEST_F(CsiNode, StatisticsOfADeadMountComeInTimeAndSayThatItIsAbnormal) {
  world.script["raise stage"] = {Done{{{"mount.path", path("globalmount")}, {"mount.number", "7:1"}}}};
  ASSERT_TRUE(kubelet->call(&Kubelet::NodeStageVolume, stage()).first.ok());
  v1::NodeGetVolumeStatsRequest request;
  request.set_volume_id("ceph/v");
  request.set_volume_path(path("globalmount"));
  targets.fill = mount::Usage{.total_bytes = 10, .used_bytes = 3, .available_bytes = 7, .has_filesystem = true};
  const auto [status, usage] = kubelet->call(&Kubelet::NodeGetVolumeStats, request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(targets.asked, path("globalmount") + " 7:1");
  ASSERT_EQ(usage.usage_size(), 2);
  EXPECT_EQ(usage.usage(0).used(), 3);
  EXPECT_FALSE(usage.volume_condition().abnormal());
  targets.fill = no_effect(Code::Unavailable, "the file system does not answer");
  const auto [again, dead] = kubelet->call(&Kubelet::NodeGetVolumeStats, request);
  ASSERT_TRUE(again.ok()) << again.error_message();
  EXPECT_TRUE(dead.volume_condition().abnormal());
  EXPECT_EQ(dead.volume_condition().message(), "the file system does not answer");
  EXPECT_EQ(dead.usage(0).total(), 1 << 20);
  request.set_volume_path(path("elsewhere"));
  EXPECT_EQ(kubelet->call(&Kubelet::NodeGetVolumeStats, request).first.error_code(), NOT_FOUND);
}

TEST_F(CsiNode, StatisticsOfWhatWasFencedOffAreAbnormalAndNoError) {
  ASSERT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, publish("pod")).first.ok());
  world.up.clear();
  world.findings[rungs::kHold] = {.standing = Standing::Down, .facts = {}, .why = "fenced by node n7", .is_fenced = true};
  manager->doubt_volume(VolumeId("ceph/v"));
  runner.run();
  ASSERT_EQ(state("ceph/v", "host"), State::Fenced);
  v1::NodeGetVolumeStatsRequest request;
  request.set_volume_id("ceph/v");
  request.set_volume_path(path("pod"));
  const auto [status, usage] = kubelet->call(&Kubelet::NodeGetVolumeStats, request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(usage.volume_condition().abnormal());
  EXPECT_NE(usage.volume_condition().message().find("fenced"), std::string::npos) << usage.volume_condition().message();
}

// Kubelet expands before its pod starts, and so its VM.
TEST_F(CsiNode, AnExpandDoesNotWaitForAVmThatIsStillToCome) {
  world.script["raise open"] = std::deque<Attempt>(20, Waiting{"VM pod is not there yet", std::nullopt});
  ASSERT_TRUE(kubelet->call(&Kubelet::NodePublishVolume, for_vm(publish("pod"))).first.ok());
  shelf.volumes.at(VolumeId("ceph/v")).size_bytes = 2 << 20;
  v1::NodeExpandVolumeRequest request;
  request.set_volume_id("ceph/v");
  request.set_volume_path(path("pod"));
  request.mutable_capacity_range()->set_required_bytes(2 << 20);
  const auto [status, grown] = kubelet->call(&Kubelet::NodeExpandVolume, request);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(grown.capacity_bytes(), 2 << 20);
  EXPECT_EQ(manager->explain(key("ceph/v", "vm:pod"))->spec.size_bytes, 2 << 20);
}

TEST_F(CsiNode, AnExpandFollowsTheVolume) {
  ASSERT_TRUE(kubelet->call(&Kubelet::NodeStageVolume, stage()).first.ok());
  shelf.volumes.at(VolumeId("ceph/v")).size_bytes = 2 << 20;  // by another node
  world.size_bytes = 2 << 20;
  v1::NodeExpandVolumeRequest request;
  request.set_volume_id("ceph/v");
  request.set_volume_path(path("pod"));
  const auto [status, grown] = kubelet->call(&Kubelet::NodeExpandVolume, request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(grown.capacity_bytes(), 2 << 20);
  EXPECT_EQ(manager->explain(key("ceph/v", "host"))->spec.size_bytes, 2 << 20);
  request.mutable_capacity_range()->set_required_bytes(3 << 20);
  EXPECT_EQ(kubelet->call(&Kubelet::NodeExpandVolume, request).first.error_code(), OUT_OF_RANGE);
}
}  // namespace
}  // namespace blockplug::test
