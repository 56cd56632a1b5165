// SPDX-License-Identifier: Apache-2.0
#pragma once
// The daemon's admin service, as the commands call it. gRPC stays in client.cc. Thread-safe; one connection, made once: a CLI
// makes one call (and watches beside it), so there is nothing to reconnect.
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>

#include "attach-detach/outcome.h"
#include "volume-plugin/admin/admin.pb.h"
#include "volume-plugin/cli/endpoint.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

// How long a call may take, and what ends it early.
struct Limits {
  std::chrono::milliseconds timeout{};
  std::stop_token interrupted;
};

// The daemon is given this much more than the timeout: it answers one second before gRPC's deadline, saying what it waits for.
inline constexpr std::chrono::milliseconds kGrace{1000};

// Errors are the daemon's own, or: Unavailable (the connection broke), DeadlineExceeded (the daemon did not answer), Cancelled
// (interrupted; effect None if no request had been sent yet).
class Client {
 public:
  static Result<std::unique_ptr<Client>> connect(const Endpoint& endpoint);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Result<v1::GetVersionResponse> version(const Limits& limits);
  Result<v1::Volume> create_volume(const v1::CreateVolumeRequest& request, const Limits& limits);
  Result<v1::ListVolumesResponse> list_volumes(const v1::ListVolumesRequest& request, const Limits& limits);
  Result<v1::Volume> get_volume(const v1::GetVolumeRequest& request, const Limits& limits);
  Result<v1::Volume> expand_volume(const v1::ExpandVolumeRequest& request, const Limits& limits);
  Result<v1::DeleteVolumeResponse> delete_volume(const v1::DeleteVolumeRequest& request, const Limits& limits);
  Result<v1::Volume> modify_volume(const v1::ModifyVolumeRequest& request, const Limits& limits);
  Result<v1::FenceVolumeResponse> fence_volume(const v1::FenceVolumeRequest& request, const Limits& limits);
  Result<v1::CancelOrdersResponse> cancel_orders(const v1::CancelOrdersRequest& request, const Limits& limits);
  Result<v1::Snapshot> create_snapshot(const v1::CreateSnapshotRequest& request, const Limits& limits);
  Result<v1::ListSnapshotsResponse> list_snapshots(const v1::ListSnapshotsRequest& request, const Limits& limits);
  Result<v1::DeleteSnapshotResponse> delete_snapshot(const v1::DeleteSnapshotRequest& request, const Limits& limits);
  Result<v1::Attachment> attach(const v1::AttachRequest& request, const Limits& limits);
  Result<v1::DetachResponse> detach(const v1::DetachRequest& request, const Limits& limits);
  Result<v1::ListAttachmentsResponse> list_attachments(const v1::ListAttachmentsRequest& request, const Limits& limits);
  Result<v1::ExplainResponse> explain(const v1::ExplainRequest& request, const Limits& limits);
  Result<v1::PlanResponse> plan(const Limits& limits);
  Result<v1::QueueResponse> queue(const Limits& limits);
  Result<v1::ListVmsResponse> list_vms(const Limits& limits);
  Result<v1::RepairResponse> repair(const v1::RepairRequest& request, const Limits& limits);
  Result<v1::DoctorResponse> doctor(const Limits& limits);

  // Delivers every event until `interrupted` (which is a success) or until the daemon ends.
  Status watch(const std::function<void(const v1::WatchEvent&)>& tell, const std::stop_token& interrupted);

 private:
  struct Connection;
  explicit Client(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace blockplug::cli
