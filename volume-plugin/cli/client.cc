// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/client.h"

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>

#include <cerrno>
#include <cstring>

#include "volume-plugin/admin/admin.grpc.pb.h"
#include "volume-plugin/cli/time_text.h"

namespace blockplug::cli {
namespace {
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Stub = v1::Admin::Stub;
template <typename Request, typename Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

// The daemon must see the same deadline as this side: gRPC sends it with three or four digits, rounded up, and would have the
// daemon answer after we have stopped listening. So: a deadline that is as it will be sent, and a hair less.
milliseconds as_grpc_sends(milliseconds time) {
  const milliseconds step = time < 100s ? 100ms : time < 1000s ? 1s : time < 10000s ? 10s : 100s;
  return (time + step - 1ms) / step * step;
}

milliseconds deadline_of(const Limits& limits) { return as_grpc_sends(limits.timeout + kGrace); }

bool is_grpcs_own(const grpc::Status& status, const char* words) {
  return status.error_message().empty() || status.error_message() == words;
}

Error to_error(const grpc::Status& status, const Limits& limits) {
  if (status.error_code() == grpc::StatusCode::CANCELLED && limits.interrupted.stop_requested()) {
    return maybe_effect(Code::Cancelled, "interrupted");
  }
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && is_grpcs_own(status, "Deadline Exceeded")) {
    return maybe_effect(Code::DeadlineExceeded, "the daemon did not answer within " + format_duration(deadline_of(limits)));
  }
  // For the other codes the effect already says whether the request is still pending.
  const bool is_only_refused = status.error_code() == grpc::StatusCode::UNAVAILABLE && status.error_details() == "no effect";
  return {static_cast<Code>(status.error_code()), is_only_refused ? Effect::None : Effect::Unknown, status.error_message()};
}

template <typename Request, typename Response>
Result<Response> ask(Stub& stub, Method<Request, Response> method, const Request& request, const Limits& limits) {
  if (limits.interrupted.stop_requested()) return no_effect(Code::Cancelled, "interrupted before the request was sent");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline_of(limits) - 2ms);
  const std::stop_callback cancel(limits.interrupted, [&context] { context.TryCancel(); });
  Response response;
  const auto status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return to_error(status, limits);
  return response;
}
}  // namespace

struct Client::Connection {
  std::unique_ptr<Stub> stub;
};

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::connect(const Endpoint& endpoint) {
  const auto socket = TRY(dial(endpoint));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // a list of 100,000 attachments is beyond gRPC's 4 MiB
  const int owned_by_grpc = ::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0);
  if (owned_by_grpc < 0)
    return no_effect(Code::ResourceExhausted, std::string("no file descriptors left: ") + std::strerror(errno));
  auto connection = std::make_unique<Connection>();
  connection->stub = v1::Admin::NewStub(grpc::CreateCustomInsecureChannelFromFd(endpoint.path, owned_by_grpc, arguments));
  return std::unique_ptr<Client>(new Client(std::move(connection)));
}

Result<v1::GetVersionResponse> Client::version(const Limits& limits) {
  return ask(*connection_->stub, &Stub::GetVersion, v1::GetVersionRequest{}, limits);
}
Result<v1::Volume> Client::create_volume(const v1::CreateVolumeRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::CreateVolume, request, limits);
}
Result<v1::ListVolumesResponse> Client::list_volumes(const v1::ListVolumesRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::ListVolumes, request, limits);
}
Result<v1::Volume> Client::get_volume(const v1::GetVolumeRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::GetVolume, request, limits);
}
Result<v1::Volume> Client::expand_volume(const v1::ExpandVolumeRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::ExpandVolume, request, limits);
}
Result<v1::DeleteVolumeResponse> Client::delete_volume(const v1::DeleteVolumeRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::DeleteVolume, request, limits);
}
Result<v1::Volume> Client::modify_volume(const v1::ModifyVolumeRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::ModifyVolume, request, limits);
}
Result<v1::FenceVolumeResponse> Client::fence_volume(const v1::FenceVolumeRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::FenceVolume, request, limits);
}
Result<v1::CancelOrdersResponse> Client::cancel_orders(const v1::CancelOrdersRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::CancelOrders, request, limits);
}
Result<v1::Snapshot> Client::create_snapshot(const v1::CreateSnapshotRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::CreateSnapshot, request, limits);
}
Result<v1::ListSnapshotsResponse> Client::list_snapshots(const v1::ListSnapshotsRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::ListSnapshots, request, limits);
}
Result<v1::DeleteSnapshotResponse> Client::delete_snapshot(const v1::DeleteSnapshotRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::DeleteSnapshot, request, limits);
}
Result<v1::Attachment> Client::attach(const v1::AttachRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::Attach, request, limits);
}
Result<v1::DetachResponse> Client::detach(const v1::DetachRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::Detach, request, limits);
}
Result<v1::ListAttachmentsResponse> Client::list_attachments(const v1::ListAttachmentsRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::ListAttachments, request, limits);
}
Result<v1::ExplainResponse> Client::explain(const v1::ExplainRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::Explain, request, limits);
}
Result<v1::PlanResponse> Client::plan(const Limits& limits) {
  return ask(*connection_->stub, &Stub::Plan, v1::PlanRequest{}, limits);
}
Result<v1::QueueResponse> Client::queue(const Limits& limits) {
  return ask(*connection_->stub, &Stub::Queue, v1::QueueRequest{}, limits);
}
Result<v1::ListVmsResponse> Client::list_vms(const Limits& limits) {
  return ask(*connection_->stub, &Stub::ListVms, v1::ListVmsRequest{}, limits);
}
Result<v1::RepairResponse> Client::repair(const v1::RepairRequest& request, const Limits& limits) {
  return ask(*connection_->stub, &Stub::Repair, request, limits);
}
Result<v1::DoctorResponse> Client::doctor(const Limits& limits) {
  return ask(*connection_->stub, &Stub::Doctor, v1::DoctorRequest{}, limits);
}

Status Client::watch(const std::function<void(const v1::WatchEvent&)>& tell, const std::stop_token& interrupted) {
  grpc::ClientContext context;  // no deadline
  const std::stop_callback cancel(interrupted, [&context] { context.TryCancel(); });
  const auto events = connection_->stub->Watch(&context, v1::WatchRequest{});
  v1::WatchEvent event;
  while (events->Read(&event)) tell(event);
  const auto status = events->Finish();
  if (status.ok() || interrupted.stop_requested()) return Ok{};
  return to_error(status, {{}, interrupted});
}

}  // namespace blockplug::cli
