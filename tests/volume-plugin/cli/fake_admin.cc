// SPDX-License-Identifier: Apache-2.0
#include "tests/volume-plugin/cli/fake_admin.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <mutex>

#include "volume-plugin/admin/admin.grpc.pb.h"

namespace blockplug::cli::testing {
using grpc::ServerContext;
using grpc::Status;

class FakeAdmin::Service final : public v1::Admin::Service {
 public:
  explicit Service(Answers answers) : answers_(std::move(answers)) {}

  Status GetVersion(ServerContext* context, const v1::GetVersionRequest* request, v1::GetVersionResponse* response) override {
    response->set_version("0.9.0");
    response->set_node("node-1");
    return answer(*context, "GetVersion", *request);
  }
  Status CreateVolume(ServerContext* context, const v1::CreateVolumeRequest* request, v1::Volume* response) override {
    response->set_id("local/" + request->name());
    response->set_backend("local");
    response->set_size_bytes(request->size_bytes());
    return answer(*context, "CreateVolume", *request);
  }
  Status ListVolumes(ServerContext* context, const v1::ListVolumesRequest* request, v1::ListVolumesResponse* response) override {
    *response = answers_.volumes;
    return answer(*context, "ListVolumes", *request);
  }
  Status GetVolume(ServerContext* context, const v1::GetVolumeRequest* request, v1::Volume* response) override {
    response->set_id(request->id());
    response->set_size_bytes(1 << 20);
    if (answers_.volume) *response = *answers_.volume;
    return answer(*context, "GetVolume", *request);
  }
  Status ExpandVolume(ServerContext* context, const v1::ExpandVolumeRequest* request, v1::Volume* response) override {
    response->set_id(request->id());
    response->set_size_bytes(request->size_bytes());
    return answer(*context, "ExpandVolume", *request);
  }
  Status DeleteVolume(ServerContext* context, const v1::DeleteVolumeRequest* request, v1::DeleteVolumeResponse*) override {
    return answer(*context, "DeleteVolume", *request);
  }
  Status ModifyVolume(ServerContext* context, const v1::ModifyVolumeRequest* request, v1::Volume* response) override {
    response->set_id(request->id());
    if (request->iops() > 0) (*response->mutable_limits())["iops"] = request->iops();
    if (request->bytes_per_second() > 0) (*response->mutable_limits())["bytes_per_second"] = request->bytes_per_second();
    return answer(*context, "ModifyVolume", *request);
  }
  Status FenceVolume(ServerContext* context, const v1::FenceVolumeRequest* request, v1::FenceVolumeResponse* response) override {
    *response = answers_.fenced;
    return answer(*context, "FenceVolume", *request);
  }
  Status CancelOrders(ServerContext* context, const v1::CancelOrdersRequest* request, v1::CancelOrdersResponse* response) override {
    *response = answers_.cancelled;
    return answer(*context, "CancelOrders", *request);
  }
  Status CreateSnapshot(ServerContext* context, const v1::CreateSnapshotRequest* request, v1::Snapshot* response) override {
    response->set_id(request->volume() + "@" + request->name());
    return answer(*context, "CreateSnapshot", *request);
  }
  Status ListSnapshots(ServerContext* context, const v1::ListSnapshotsRequest* request,
                       v1::ListSnapshotsResponse* response) override {
    *response = answers_.snapshots;
    return answer(*context, "ListSnapshots", *request);
  }
  Status DeleteSnapshot(ServerContext* context, const v1::DeleteSnapshotRequest* request, v1::DeleteSnapshotResponse*) override {
    return answer(*context, "DeleteSnapshot", *request);
  }
  Status Attach(ServerContext* context, const v1::AttachRequest* request, v1::Attachment* response) override {
    response->set_volume(request->volume());
    response->set_target(request->vm().empty() ? "host" : "vm:" + request->vm());
    response->set_state("attached");
    response->set_read_only(request->read_only());
    if (!request->vm().empty() && request->guest_path().empty()) return answer(*context, "Attach", *request);
    auto* path = response->add_paths();
    path->set_path(request->vm().empty() ? request->path() : request->guest_path());
    path->set_read_only(request->read_only());
    path->set_block(request->block());
    return answer(*context, "Attach", *request);
  }
  Status Detach(ServerContext* context, const v1::DetachRequest* request, v1::DetachResponse*) override {
    return answer(*context, "Detach", *request);
  }
  Status ListAttachments(ServerContext* context, const v1::ListAttachmentsRequest* request,
                         v1::ListAttachmentsResponse* response) override {
    *response = answers_.attachments;
    return answer(*context, "ListAttachments", *request);
  }
  Status Explain(ServerContext* context, const v1::ExplainRequest* request, v1::ExplainResponse* response) override {
    *response = answers_.explanations;
    return answer(*context, "Explain", *request);
  }
  Status Plan(ServerContext* context, const v1::PlanRequest* request, v1::PlanResponse* response) override {
    *response = answers_.plan;
    return answer(*context, "Plan", *request);
  }
  Status Queue(ServerContext* context, const v1::QueueRequest* request, v1::QueueResponse* response) override {
    *response = answers_.queue;
    return answer(*context, "Queue", *request);
  }
  Status ListVms(ServerContext* context, const v1::ListVmsRequest* request, v1::ListVmsResponse* response) override {
    *response = answers_.vms;
    return answer(*context, "ListVms", *request);
  }
  Status Repair(ServerContext* context, const v1::RepairRequest* request, v1::RepairResponse* response) override {
    *response = answers_.orphans;
    return answer(*context, "Repair", *request);
  }
  Status Doctor(ServerContext* context, const v1::DoctorRequest* request, v1::DoctorResponse* response) override {
    *response = answers_.checks;
    return answer(*context, "Doctor", *request);
  }
  Status Watch(ServerContext* context, const v1::WatchRequest*, grpc::ServerWriter<v1::WatchEvent>* writer) override {
    for (const auto& event : answers_.events) writer->Write(event);
    stay(*context);
    return Status::OK;
  }

  std::vector<Call> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  void wait_for_call() const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !calls_.empty(); });
  }

 private:
  template <typename Request>
  Status answer(ServerContext& context, const char* name, const Request& request) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(context.deadline() - WallClock::now());
    const auto text = request.ShortDebugString();
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back({text.empty() ? std::string(name) : std::string(name) + " " + text, left});
    }
    changed_.notify_all();
    if (answers_.hangs) stay(context);
    if (!answers_.error) return Status::OK;
    return {static_cast<grpc::StatusCode>(answers_.error->code), answers_.error->message};
  }

  // gRPC's synchronous service can only be asked whether the caller is gone.
  void stay(const ServerContext& context) {
    std::unique_lock lock(mutex_);
    while (!context.IsCancelled()) changed_.wait_for(lock, std::chrono::milliseconds(5));
  }

  const Answers answers_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<Call> calls_;
};

struct FakeAdmin::Running {
  explicit Running(Answers answers) : service(std::move(answers)) {}
  Service service;
  std::unique_ptr<grpc::Server> server;
};

FakeAdmin::FakeAdmin(const std::string& socket, Answers answers) : running_(new Running(std::move(answers))) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
  builder.RegisterService(&running_->service);
  running_->server = builder.BuildAndStart();
}

FakeAdmin::~FakeAdmin() { running_->server->Shutdown(std::chrono::system_clock::now()); }
std::vector<FakeAdmin::Call> FakeAdmin::calls() const { return running_->service.calls(); }
void FakeAdmin::wait_for_call() const { running_->service.wait_for_call(); }

}  // namespace blockplug::cli::testing
