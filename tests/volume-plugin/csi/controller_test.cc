// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/controller.h"

#include "tests/volume-plugin/csi/csi_world.h"

namespace blockplug::test {
namespace {
using Sidecar = v1::Controller::Stub;
using enum grpc::StatusCode;

class CsiController : public CsiTest {
 protected:
  v1::CreateVolumeRequest create(const std::string& name, std::int64_t required = 1 << 20) const {
    v1::CreateVolumeRequest made;
    made.set_name(name);
    made.mutable_capacity_range()->set_required_bytes(required);
    *made.add_volume_capabilities() = mounted();
    return made;
  }
  v1::ControllerUnpublishVolumeRequest unpublish_from(const std::string& node_id) const {
    v1::ControllerUnpublishVolumeRequest made;
    made.set_volume_id("ceph/v");
    made.set_node_id(node_id);
    return made;
  }
  VolumeInfo& volume() { return shelf.volumes.at(VolumeId("ceph/v")); }
};

TEST_F(CsiController, OneThatIsThereIsJoinedWhereItsSizeIsWithinTheRange) {
  auto request = create("v", 1);
  const auto [status, made] = sidecar->call(&Sidecar::CreateVolume, request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(made.volume().volume_id(), "ceph/v");
  EXPECT_EQ(made.volume().capacity_bytes(), 1 << 20);
  request.mutable_capacity_range()->set_required_bytes((1 << 20) + 1);
  EXPECT_EQ(sidecar->call(&Sidecar::CreateVolume, request).first.error_code(), ALREADY_EXISTS);
}

TEST_F(CsiController, ACreationThatMayHaveHadAnEffectHasNoFinalCode) {
  world.script["create"] = {maybe_effect(Code::InvalidArgument, "the answer was odd"), Waiting{"it is being made", std::nullopt}};
  auto creating = sidecar->begin(&Sidecar::CreateVolume, create("new"));
  wait_for("perform create of ceph/new");
  pass(std::chrono::seconds(101));
  sidecar->wait(*creating);
  EXPECT_EQ(creating->status.error_code(), DEADLINE_EXCEEDED) << creating->status.error_message();
  world.script["create"] = {no_effect(Code::InvalidArgument, "no such pool")};
  EXPECT_EQ(sidecar->call(&Sidecar::CreateVolume, create("other")).first.error_code(), INVALID_ARGUMENT);
}

TEST_F(CsiController, AListThatLacksSomeIsNone) {
  struct Away : Shelf {
    Result<std::vector<VolumeInfo>> list() override { return no_effect(Code::Unavailable, "the cluster is away"); }
  } away;
  blockplug::Door other{{*manager, posted, world, {{"ceph", &shelf}, {"away", &away}}, targets}};
  const csi::Parts with_both{other, *manager, posted, parts.settings, {}};
  csi::ControllerService service{with_both};
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const auto running = builder.BuildAndStart();
  const auto stub = v1::Controller::NewStub(running->InProcessChannel({}));
  Caller<Sidecar> caller{posted, *stub};
  EXPECT_EQ(caller.call(&Sidecar::ListVolumes, v1::ListVolumesRequest{}).first.error_code(), UNAVAILABLE);
  running->Shutdown();
}

TEST_F(CsiController, TellsWhereAVolumeIsAndThatItIsNotWell) {
  volume().holders = {{.node = "n7", .target = "host", .access = Access::ReadOnly, .since = "2026-01-01T00:00:00Z", .clients = {}}};
  ASSERT_TRUE(kubelet->call(&v1::Node::Stub::NodeStageVolume, stage()).first.ok());
  v1::ControllerGetVolumeRequest request;
  request.set_volume_id("ceph/v");
  const auto [status, got] = sidecar->call(&Sidecar::ControllerGetVolume, request);
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(got.status().published_node_ids_size(), 2);
  EXPECT_EQ(got.status().published_node_ids(0), "n1");
  EXPECT_EQ(got.status().published_node_ids(1), "n7");
  EXPECT_FALSE(got.status().volume_condition().abnormal());
}

// Six minutes of silence prove nothing.
TEST_F(CsiController, IsNotLetGoWhileTheNodeHasIt) {
  ASSERT_TRUE(kubelet->call(&v1::Node::Stub::NodeStageVolume, stage()).first.ok());
  for (const auto* here : {"n1", ""}) {
    const auto refused = sidecar->call(&Sidecar::ControllerUnpublishVolume, unpublish_from(here)).first;
    EXPECT_EQ(refused.error_code(), FAILED_PRECONDITION) << refused.error_message();
  }
  volume().holders = {
      {.node = "n7", .target = "host", .access = Access::ReadWrite, .since = "2026-01-01T00:00:00Z", .clients = {}}};
  const auto dead = sidecar->call(&Sidecar::ControllerUnpublishVolume, unpublish_from("n7")).first;
  EXPECT_EQ(dead.error_code(), FAILED_PRECONDITION);
  EXPECT_NE(dead.error_message().find("blockplug volume fence ceph/v --node n7 --yes"), std::string::npos) << dead.error_message();
  EXPECT_TRUE(sidecar->call(&Sidecar::ControllerUnpublishVolume, unpublish_from("n8")).first.ok());
  volume().holders.clear();
  EXPECT_TRUE(sidecar->call(&Sidecar::ControllerUnpublishVolume, unpublish_from("n7")).first.ok());
}

TEST_F(CsiController, ANodeThatIsOutOfServiceIsFencedAndNoOther) {
  std::vector<std::string> asked;
  std::optional<Result<bool>> answer;
  parts.out_of_service = [&](const std::string& name, Time) {
    asked.push_back(name);
    return *answer;
  };
  volume().holders = {
      {.node = "n7", .target = "host", .access = Access::ReadWrite, .since = "2026-01-01T00:00:00Z", .clients = {}}};
  EXPECT_TRUE(sidecar->call(&Sidecar::ControllerUnpublishVolume, unpublish_from("n8")).first.ok());
  EXPECT_TRUE(asked.empty()) << "it has nothing of it";

  answer = false;
  const auto alive = sidecar->call(&Sidecar::ControllerUnpublishVolume, unpublish_from("n7")).first;
  EXPECT_EQ(alive.error_code(), FAILED_PRECONDITION);
  EXPECT_NE(alive.error_message().find("the taint node.kubernetes.io/out-of-service"), std::string::npos) << alive.error_message();
  for (const auto code : {Code::NotFound, Code::PermissionDenied, Code::Unavailable}) {
    answer = no_effect(code, "it does not say");
    const auto unknown = sidecar->call(&Sidecar::ControllerUnpublishVolume, unpublish_from("n7")).first;
    EXPECT_EQ(unknown.error_code(), FAILED_PRECONDITION);
    EXPECT_NE(unknown.error_message().find("cannot be told: it does not say"), std::string::npos) << unknown.error_message();
  }
  EXPECT_EQ(asked, std::vector<std::string>(4, "n7"));
  EXPECT_EQ(std::ranges::count(world.calls, "perform fence of ceph/v"), 0);

  answer = true;
  world.script["fence"] = {no_effect(Code::FailedPrecondition, "its client is not known"), Done{{{"fenced", "192.0.2.7:0/1"}}}};
  const auto refused = sidecar->call(&Sidecar::ControllerUnpublishVolume, unpublish_from("n7")).first;
  EXPECT_EQ(refused.error_code(), ABORTED);
  EXPECT_NE(refused.error_message().find("its client is not known"), std::string::npos) << refused.error_message();
  world.calls.clear();
  auto letting_go = sidecar->begin(&Sidecar::ControllerUnpublishVolume, unpublish_from("n7"));
  wait_for("perform fence of ceph/v");
  volume().holders.clear();
  sidecar->wait(*letting_go);
  EXPECT_TRUE(letting_go->status.ok()) << letting_go->status.error_message();

  // One that was begun is finished, whatever is said of the node since.
  volume().holders = {
      {.node = "n7", .target = "host", .access = Access::ReadWrite, .since = "2026-01-01T00:00:00Z", .clients = {}}};
  for (const auto* from : {"n7", kEveryNode}) {
    volume().details[kFencedFrom] = from;
    answer = false;
    world.calls.clear();
    asked.clear();
    EXPECT_FALSE(sidecar->call(&Sidecar::ControllerUnpublishVolume, unpublish_from("n7")).first.ok());
    EXPECT_EQ(std::ranges::count(world.calls, "perform fence of ceph/v"), 1) << from;
    EXPECT_TRUE(asked.empty());
  }
  volume().holders.clear();
  volume().details.clear();
  answer = true;

  volume().details["attachment 4711"] = "n7/host d";  // only reserved at its cloud
  world.calls.clear();
  EXPECT_TRUE(sidecar->call(&Sidecar::ControllerUnpublishVolume, unpublish_from("n7")).first.ok());
  EXPECT_EQ(std::ranges::count(world.calls, "perform fence of ceph/v"), 1);
}

TEST_F(CsiController, GoesToOneWriterAtATime) {
  v1::ControllerPublishVolumeRequest request;
  request.set_volume_id("ceph/v");
  request.set_node_id("n1");
  *request.mutable_volume_capability() = mounted();
  EXPECT_TRUE(sidecar->call(&Sidecar::ControllerPublishVolume, request).first.ok());
  volume().holders = {{.node = "n7", .target = "host", .access = Access::ReadOnly, .since = "2026-01-01T00:00:00Z", .clients = {}}};
  EXPECT_EQ(sidecar->call(&Sidecar::ControllerPublishVolume, request).first.error_code(), FAILED_PRECONDITION);
  *request.mutable_volume_capability() = mounted(Mode::MULTI_NODE_READER_ONLY);
  EXPECT_TRUE(sidecar->call(&Sidecar::ControllerPublishVolume, request).first.ok()) << "readers beside readers";
}

TEST_F(CsiController, DeletesWhatCannotBeAndRefusesWhatMayBe) {
  v1::DeleteVolumeRequest request;
  for (const auto* id : {"nonsense", "ceph/bad"}) {  // Shelf::check_name
    request.set_volume_id(id);
    EXPECT_TRUE(sidecar->call(&Sidecar::DeleteVolume, request).first.ok()) << id;
  }
  request.set_volume_id("elsewhere/v");  // its backend may have been taken out of the configuration
  EXPECT_EQ(sidecar->call(&Sidecar::DeleteVolume, request).first.error_code(), FAILED_PRECONDITION);
}

TEST_F(CsiController, ASnapshotThatCannotBeCopiedIsNotSaidToBeReady) {
  shelf.kept[VolumeId("ceph/v")] = {{"a", 1, {}, {}, true}, {"b", 1, {}, {}, false}};
  const auto [status, listed] = sidecar->call(&Sidecar::ListSnapshots, v1::ListSnapshotsRequest{});
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(listed.entries_size(), 2);
  EXPECT_TRUE(listed.entries(0).snapshot().ready_to_use());
  EXPECT_FALSE(listed.entries(1).snapshot().ready_to_use());
}

TEST_F(CsiController, ASnapshotsNameIsTakenOnceAmongAllVolumes) {
  const VolumeId other("ceph/w");
  shelf.volumes[other] = VolumeInfo{.id = other, .size_bytes = 1, .image = ImageId("image:w"), .created = {}, .details = {}};
  shelf.kept[other] = {{"before", 1, {}, {}}};
  v1::CreateSnapshotRequest request;
  request.set_source_volume_id("ceph/v");
  request.set_name("before");
  EXPECT_EQ(sidecar->call(&Sidecar::CreateSnapshot, request).first.error_code(), ALREADY_EXISTS);
}
}  // namespace
}  // namespace blockplug::test
