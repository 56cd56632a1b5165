// SPDX-License-Identifier: Apache-2.0
#pragma once
// The admin service as a client meets it: over a channel inside this process, on a Volume Manager with fake rungs. gRPC's threads
// post; everything else happens on the test's thread, when the test waits for a call, and time passes when the test says so.
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "tests/attach-detach/manager_fixture.h"
#include "volume-plugin/admin/service.h"

namespace blockplug::test {

// What comes from other threads waits until the test's thread takes it.
class PostedRunner : public Runner {
 public:
  explicit PostedRunner(InlineRunner& core) : core_(core) {}
  void post(std::function<void()> task) override {
    const std::lock_guard lock{mutex_};
    posted_.push_back(std::move(task));
    is_posted_.notify_all();
  }
  void start(Job job) override {
    post([this, job = std::move(job)]() mutable { core_.start(std::move(job)); });
  }
  void at(Time time, std::function<void()> task) override {
    post([this, time = time + ahead_, task = std::move(task)]() mutable { core_.at(time, std::move(task)); });
  }
  Time now() const override { return core_.now(); }
  WallClock::time_point wall() const override { return core_.wall(); }

  // All that is there, with what it leads to.
  void run() {
    for (auto tasks = take(std::chrono::seconds(0)); !tasks.empty(); tasks = take(std::chrono::seconds(0))) run(tasks);
    core_.run();
  }
  bool run_when_posted() {
    auto tasks = take(std::chrono::seconds(60));
    if (tasks.empty()) return false;
    run(tasks);
    return true;
  }

 private:
  std::deque<std::function<void()>> take(std::chrono::seconds patience) {
    std::unique_lock lock{mutex_};
    is_posted_.wait_for(lock, patience, [&] { return !posted_.empty(); });
    return std::exchange(posted_, {});
  }
  void run(const std::deque<std::function<void()>>& tasks) {
    for (const auto& task : tasks) task();
    core_.run();
  }
  InlineRunner& core_;
  const std::chrono::nanoseconds ahead_{core_.now() - Clock::now()};  // deadlines of calls are of the real clock
  std::mutex mutex_;
  std::condition_variable is_posted_;
  std::deque<std::function<void()>> posted_;
};

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
};

class AdminTest : public ManagerTest {
 protected:
  AdminTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
    stub = admin::v1::Admin::NewStub(server->InProcessChannel({}));
  }
  ~AdminTest() override { server->Shutdown(std::chrono::system_clock::now()); }

  template <typename Request, typename Response>
  using Method = grpc::Status (admin::v1::Admin::Stub::*)(grpc::ClientContext*, const Request&, Response*);

  // A call that was begun, on a thread of its own; `is_over` on the test's.
  template <typename Request, typename Response>
  struct Calling {
    grpc::ClientContext context;
    Response response;
    grpc::Status status;
    bool is_over{};
    std::future<void> thread;
  };
  template <typename Request, typename Response>
  std::unique_ptr<Calling<Request, Response>> begin(Method<Request, Response> method, const Request& request,
                                                    std::chrono::seconds patience = std::chrono::seconds(600)) {
    auto calling = std::make_unique<Calling<Request, Response>>();
    calling->context.set_deadline(std::chrono::system_clock::now() + patience);
    calling->thread = std::async(std::launch::async, [this, calling = calling.get(), method, request] {
      calling->status = (*stub.*method)(&calling->context, request, &calling->response);
      posted.post([calling] { calling->is_over = true; });
    });
    return calling;
  }
  template <typename Begun>
  void wait(Begun& calling) {
    while (!calling.is_over)
      if (!posted.run_when_posted()) {
        ADD_FAILURE() << "the call does not end";
        calling.context.TryCancel();
      }
  }
  // Until the fake rungs were asked this.
  void wait_for(const std::string& rung_call) {
    while (std::ranges::find(world.calls, rung_call) == world.calls.end()) ASSERT_TRUE(posted.run_when_posted());
  }
  template <typename Request, typename Response>
  std::pair<grpc::Status, Response> call(Method<Request, Response> method, const Request& request) {
    auto calling = begin(method, request);
    wait(*calling);
    return {calling->status, calling->response};
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
};

}  // namespace blockplug::test
