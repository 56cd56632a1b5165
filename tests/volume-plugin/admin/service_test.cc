// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/admin/service.h"

#include "tests/volume-plugin/admin/admin_world.h"
#include "volume-plugin/admin/answers.h"

namespace blockplug::test {
namespace {
using Stub = admin::v1::Admin::Stub;
namespace v1 = admin::v1;
using std::chrono::seconds;

TEST(AdminStatus, IsTheErrorsCodeMessageAndEffect) {
  for (int number = 1; number <= 16; ++number) {
    const auto code = static_cast<Code>(number);
    const auto none = admin::to_status(no_effect(code, "why")), unknown = admin::to_status(maybe_effect(code, "why"));
    EXPECT_EQ(static_cast<int>(none.error_code()), number) << to_text(code);
    EXPECT_EQ(none.error_message(), "why");
    EXPECT_EQ(none.error_details(), "no effect");
    EXPECT_EQ(unknown.error_details(), "");
  }
  EXPECT_EQ(admin::to_status(no_effect(Code::NotFound, "no \xff")).error_message(), "no \xef\xbf\xbd");
}

TEST_F(AdminTest, SaysItsVersionAndNode) {
  const auto [status, answer] = call(&Stub::GetVersion, v1::GetVersionRequest{});
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(answer.version(), "1.2.3");
  EXPECT_EQ(answer.node(), "node-1");
}

TEST_F(AdminTest, AnswersAnAttachWithWhatIsThereNow) {
  const auto [status, answer] = call(&Stub::Attach, to_vm("ceph/v", "web-0"));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(answer.volume(), "ceph/v");
  EXPECT_EQ(answer.target(), "vm:web-0");
  EXPECT_EQ(answer.state(), "attached");
  const auto [listed, attachments] = call(&Stub::ListAttachments, v1::ListAttachmentsRequest{});
  ASSERT_EQ(attachments.attachments_size(), 1);
  EXPECT_EQ(attachments.attachments(0).SerializeAsString(), answer.SerializeAsString());
  v1::ExplainRequest asked;
  asked.set_volume("ceph/v");
  const auto [explained, explanation] = call(&Stub::Explain, asked);
  ASSERT_EQ(explanation.explanations_size(), 1);
  EXPECT_EQ(explanation.explanations(0).rungs_size(), 3);
  v1::DetachRequest detach;
  detach.set_volume("ceph/v");
  EXPECT_TRUE(call(&Stub::Detach, detach).first.ok());
  EXPECT_EQ(call(&Stub::ListAttachments, v1::ListAttachmentsRequest{}).second.attachments_size(), 0);
}

TEST_F(AdminTest, SaysWithACodeWhyNotAndThatNothingWasChanged) {
  struct Row {
    const char* name;
    v1::AttachRequest request;
    grpc::StatusCode code;
  };
  auto twice = to_vm("ceph/v", "web-0");
  twice.set_path("/srv/data");
  const Row rows[] = {
      {"no volume", to_vm("ceph/w", "web-0"), grpc::StatusCode::NOT_FOUND},
      {"no backend", to_vm("other/v", "web-0"), grpc::StatusCode::NOT_FOUND},
      {"no VM", to_vm("ceph/v", "none"), grpc::StatusCode::NOT_FOUND},
      {"no name", to_vm("v", "web-0"), grpc::StatusCode::INVALID_ARGUMENT},
      {"two places", twice, grpc::StatusCode::INVALID_ARGUMENT},
  };
  for (const auto& row : rows) {
    const auto status = call(&Stub::Attach, row.request).first;
    EXPECT_EQ(status.error_code(), row.code) << row.name << ": " << status.error_message();
    EXPECT_EQ(status.error_details(), "no effect") << row.name;
    EXPECT_FALSE(status.error_message().empty());
  }
  EXPECT_TRUE(world.calls.empty());
  v1::RepairRequest neither;
  EXPECT_EQ(call(&Stub::Repair, neither).first.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AdminTest, PassesOnWhatIsNotUtf8AsWhatIs) {
  world.script["raise open"] = {no_effect(Code::FailedPrecondition, "taken by /srv/\xff\xfe")};
  const auto status = call(&Stub::Attach, to_vm("ceph/v", "web-0")).first;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(status.error_message().find("taken by /srv/\xef\xbf\xbd\xef\xbf\xbd"), std::string::npos) << status.error_message();

  world.script["raise open"] = {maybe_effect(Code::Unavailable, "taken by /srv/\xff\xfe"), Waiting{"\xff waits", std::nullopt}};
  backend.info.details["path"] = "/srv/\xff";
  backend.info.watchers = {"10.0.0.1 \xff"};
  states = {{.id = "web-0", .socket = "/run/\xff", .state = "running", .process = {}, .bus = {}, .why = "\xff"}};
  checks = {{"loop", doctor::State::Ok, "\xff", {}, {}}};
  (void)world.take_calls();
  auto attaching = begin(&Stub::Attach, to_vm("ceph/v", "web-0"));
  wait_for("raise open of ceph/v to vm:web-0");
  v1::ExplainRequest asked;
  asked.set_volume("ceph/v");
  const auto [explained, explanation] = call(&Stub::Explain, asked);
  EXPECT_TRUE(explained.ok()) << explained.error_message();
  EXPECT_NE(explanation.SerializeAsString().find("\xef\xbf\xbd"), std::string::npos);
  EXPECT_TRUE(call(&Stub::ListAttachments, v1::ListAttachmentsRequest{}).first.ok());
  EXPECT_TRUE(call(&Stub::Queue, v1::QueueRequest{}).first.ok());
  EXPECT_TRUE(call(&Stub::Plan, v1::PlanRequest{}).first.ok());
  EXPECT_EQ(call(&Stub::ListVms, v1::ListVmsRequest{}).second.vms(0).why(), "\xef\xbf\xbd");
  EXPECT_EQ(call(&Stub::Doctor, v1::DoctorRequest{}).second.checks(0).found(), "\xef\xbf\xbd");
  EXPECT_EQ(call(&Stub::ListVolumes, v1::ListVolumesRequest{}).second.volumes(0).details().at("path"), "/srv/\xef\xbf\xbd");
  backend.list_error = no_effect(Code::Unavailable, "\xff");
  EXPECT_EQ(call(&Stub::ListVolumes, v1::ListVolumesRequest{}).second.problems(0), "ceph: \xef\xbf\xbd");
  attaching->context.TryCancel();
  wait(*attaching);
}

TEST_F(AdminTest, AtTheDeadlineSaysWhatIsWaitedForAndTheRequestStays) {
  world.script["raise open"] = {Waiting{"the storage is slow", std::nullopt}};
  auto attaching = begin(&Stub::Attach, to_vm("ceph/v", "web-0"), seconds(300));
  wait_for("raise open of ceph/v to vm:web-0");
  EXPECT_FALSE(attaching->is_over);
  pass(seconds(301));
  wait(*attaching);
  EXPECT_EQ(attaching->status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_NE(attaching->status.error_message().find("the storage is slow"), std::string::npos) << attaching->status.error_message();
  EXPECT_EQ(attaching->status.error_details(), "") << "it stays requested";
  EXPECT_TRUE(manager->explain(key("ceph/v", "vm:web-0"))->is_desired);
}

TEST_F(AdminTest, ACancelledCallIsForgottenAndTheRequestStays) {
  world.script["raise open"] = {Waiting{"the storage is slow", std::nullopt}};
  auto attaching = begin(&Stub::Attach, to_vm("ceph/v", "web-0"));
  wait_for("raise open of ceph/v to vm:web-0");
  attaching->context.TryCancel();
  wait(*attaching);
  EXPECT_EQ(attaching->status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(manager->explain(key("ceph/v", "vm:web-0"))->is_desired);
  const auto [again, answer] = [&] {
    manager->doubt_volume(VolumeId("ceph/v"));
    return call(&Stub::Attach, to_vm("ceph/v", "web-0"));
  }();
  EXPECT_TRUE(again.ok()) << again.error_message();
  EXPECT_EQ(answer.state(), "attached");
}

TEST_F(AdminTest, AVolumeIsShownWithItsAttachmentsAndALimitThatIsNotSaidStays) {
  attached("ceph/v", "vm:a");
  v1::GetVolumeRequest asked;
  asked.set_id("ceph/v");
  const auto [status, volume] = call(&Stub::GetVolume, asked);
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(volume.size_bytes(), 1 << 20);
  ASSERT_EQ(volume.attachments_size(), 1);
  EXPECT_EQ(volume.attachments(0).target(), "vm:a");
  v1::ModifyVolumeRequest modify;
  modify.set_id("ceph/v");
  EXPECT_EQ(call(&Stub::ModifyVolume, modify).first.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << "no limit is said";
  modify.set_iops(0);
  EXPECT_TRUE(call(&Stub::ModifyVolume, modify).first.ok()) << "none is a limit, too";
  v1::ListSnapshotsRequest snapshots;
  snapshots.set_volume("ceph/v");
  EXPECT_EQ(call(&Stub::ListSnapshots, snapshots).second.snapshots(0).id(), "ceph/v@before");
}

TEST_F(AdminTest, AWatchTellsAllThenWhatChangesAndWhatIsGone) {
  attached("ceph/v", "vm:a");
  grpc::ClientContext context;
  const auto reader = stub->Watch(&context, v1::WatchRequest{});
  const auto read = [&] {
    v1::WatchEvent event;
    bool is_over = false, is_read = false;
    const auto thread = std::async(std::launch::async, [&] {
      is_read = reader->Read(&event);
      posted.post([&] { is_over = true; });
    });
    while (!is_over && posted.run_when_posted()) continue;
    EXPECT_TRUE(is_read);
    return event;
  };
  const auto first = read();
  EXPECT_EQ(first.attachment().target(), "vm:a");
  EXPECT_EQ(first.attachment().state(), "attached");
  detach("ceph/v", "vm:a");
  service.changed(VolumeId("ceph/v"));
  EXPECT_EQ(read().attachment().desired(), "detached");
  runner.run();
  service.changed(VolumeId("ceph/v"));
  EXPECT_TRUE(read().gone());
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace blockplug::test
