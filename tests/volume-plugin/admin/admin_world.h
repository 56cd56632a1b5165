// SPDX-License-Identifier: Apache-2.0
#pragma once
// The admin service as a client meets it: over a channel inside this process, on a Volume Manager with fake rungs.
#include "tests/attach-detach/manager_fixture.h"
#include "tests/volume-plugin/grpc/posted_runner.h"
#include "volume-plugin/admin/service.h"

namespace blockplug::test {

// One volume, "ceph/v".
struct OneVolume : Backend {
  Result<VolumeInfo> find(const VolumeId& volume) override {
    if (volume == info.id) return info;
    return no_effect(Code::NotFound, "there is no such volume");
  }
  Result<std::vector<VolumeInfo>> list() override {
    if (list_error) return *list_error;
    return std::vector{info};
  }
  Result<std::vector<SnapshotInfo>> snapshots(const VolumeId&) override {
    return std::vector<SnapshotInfo>{{"before", 4096, {}, {}}};
  }
  Status check_name(const std::string&) const override { return Ok{}; }
  Attempt perform(const OrderCall&) override { return Done{}; }  // not used: the fake world's performer is
  VolumeInfo info{.id = VolumeId("ceph/v"), .size_bytes = 1 << 20, .image = ImageId("image:v"), .created = {}, .details = {}};
  std::optional<Error> list_error;
};

struct SomeTargets : Targets {
  Status serves(const TargetId&) const override { return Ok{}; }
  Status check_present(const TargetId& target) const override {
    return target.str() == "vm:none" ? Status(no_effect(Code::NotFound, "VM none: no QMP socket")) : Status(Ok{});
  }
  Result<mount::Usage> usage(const AttachmentKey&, const std::string&, const std::string&, Time) override { return mount::Usage{}; }
};

class AdminTest : public ManagerTest {
 protected:
  AdminTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
    stub = admin::v1::Admin::NewStub(server->InProcessChannel({}));
    caller.emplace(posted, *stub);
  }
  ~AdminTest() override { server->Shutdown(std::chrono::system_clock::now()); }

  template <typename Request, typename Response>
  using Method = Caller<admin::v1::Admin::Stub>::Method<Request, Response>;
  template <typename Request, typename Response>
  auto begin(Method<Request, Response> method, const Request& request, std::chrono::seconds patience = std::chrono::seconds(600)) {
    return caller->begin(method, request, patience);
  }
  template <typename Response>
  void wait(BegunCall<Response>& calling) {
    caller->wait(calling);
  }
  // Until the fake rungs were asked this.
  void wait_for(const std::string& rung_call) {
    while (std::ranges::find(world.calls, rung_call) == world.calls.end()) ASSERT_TRUE(posted.run_when_posted());
  }
  template <typename Request, typename Response>
  auto call(Method<Request, Response> method, const Request& request) {
    return caller->call(method, request);
  }
  void pass(std::chrono::seconds duration) {
    posted.run();
    runner.pass(duration);
    posted.run();
  }
  static admin::v1::AttachRequest to_vm(const std::string& volume, const std::string& vm) {
    admin::v1::AttachRequest request;
    request.set_volume(volume);
    request.set_vm(vm);
    return request;
  }

  PostedRunner posted{runner};
  OneVolume backend;
  SomeTargets targets;
  blockplug::Door door{{*manager, posted, world, {{"ceph", &backend}}, targets}};
  std::vector<VmState> states;
  std::vector<doctor::Check> checks;
  admin::Service service{{door, *manager, posted, [this] { return states; }, [this] { return checks; }, "node-1", "1.2.3"}};
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<admin::v1::Admin::Stub> stub;
  std::optional<Caller<admin::v1::Admin::Stub>> caller;
};

}  // namespace blockplug::test
