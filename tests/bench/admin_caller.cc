// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/admin_caller.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "volume-plugin/admin/admin.grpc.pb.h"

namespace blockplug::bench {
namespace {

namespace v1 = admin::v1;
using Stub = v1::Admin::Stub;
constexpr std::size_t kAtATime = 64;
constexpr std::chrono::seconds kLimit{60};

template <typename Request, typename Response>
Result<Response> ask(Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                     const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(WallClock::now() + kLimit);
  context.set_wait_for_ready(true);
  Response response;
  const auto status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return maybe_effect(static_cast<Code>(status.error_code()), status.error_message());
  return response;
}

std::string vm_of(const AttachmentKey& key) { return key.target.str().substr(std::string("vm:").size()); }

}  // namespace

struct AdminCaller::Connection {
  std::unique_ptr<Stub> stub;
};

AdminCaller::AdminCaller(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
AdminCaller::~AdminCaller() = default;

Result<std::unique_ptr<AdminCaller>> AdminCaller::connect(const std::string& socket) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // or a daemon on another's path is given the dead one's connection
  auto connection = std::make_unique<Connection>();
  connection->stub =
      v1::Admin::NewStub(grpc::CreateCustomChannel("unix://" + socket, grpc::InsecureChannelCredentials(), arguments));
  std::unique_ptr<AdminCaller> caller(new AdminCaller(std::move(connection)));
  TRY(caller->greet());
  return caller;
}

Status AdminCaller::greet() {
  TRY(ask(*connection_->stub, &Stub::GetVersion, v1::GetVersionRequest{}));
  return Ok{};
}

Status AdminCaller::create(const std::string& name, std::int64_t size_bytes) {
  v1::CreateVolumeRequest request;
  request.set_name(name);
  request.set_size_bytes(size_bytes);
  TRY(ask(*connection_->stub, &Stub::CreateVolume, request));
  return Ok{};
}

Status AdminCaller::attach(const AttachmentKey& key) {
  v1::AttachRequest request;
  request.set_volume(key.volume.str());
  request.set_vm(vm_of(key));
  request.set_wait_for_vm(true);
  TRY(ask(*connection_->stub, &Stub::Attach, request));
  return Ok{};
}

Status AdminCaller::detach(const AttachmentKey& key) {
  v1::DetachRequest request;
  request.set_volume(key.volume.str());
  request.set_vm(vm_of(key));
  TRY(ask(*connection_->stub, &Stub::Detach, request));
  return Ok{};
}

Status AdminCaller::attach_guest(const AttachmentKey& key, const std::string& guest_path) {
  v1::AttachRequest request;
  request.set_volume(key.volume.str());
  request.set_vm(vm_of(key));
  request.set_guest_path(guest_path);
  TRY(ask(*connection_->stub, &Stub::Attach, request));
  return Ok{};
}

Status AdminCaller::attach_path(const VolumeId& volume, const std::string& path) {
  v1::AttachRequest request;
  request.set_volume(volume.str());
  request.set_path(path);
  TRY(ask(*connection_->stub, &Stub::Attach, request));
  return Ok{};
}

Status AdminCaller::detach_path(const VolumeId& volume, const std::string& path) {
  v1::DetachRequest request;
  request.set_volume(volume.str());
  request.set_path(path);
  TRY(ask(*connection_->stub, &Stub::Detach, request));
  return Ok{};
}

Status AdminCaller::remove(const VolumeId& volume) {
  v1::DeleteVolumeRequest request;
  request.set_id(volume.str());
  TRY(ask(*connection_->stub, &Stub::DeleteVolume, request));
  return Ok{};
}

Result<std::size_t> AdminCaller::queued() {
  const auto queue = TRY(ask(*connection_->stub, &Stub::Queue, v1::QueueRequest{}));
  return static_cast<std::size_t>(queue.items_size());
}

Result<std::size_t> AdminCaller::attached() {
  const auto list = TRY(ask(*connection_->stub, &Stub::ListAttachments, v1::ListAttachmentsRequest{}));
  std::size_t count = 0;
  for (const auto& attachment : list.attachments()) count += attachment.state() == "attached" ? 1 : 0;
  return count;
}

Status AdminCaller::attach_all(const std::vector<AttachmentKey>& keys) { return each(keys, &AdminCaller::attach); }
Status AdminCaller::detach_all(const std::vector<AttachmentKey>& keys) { return each(keys, &AdminCaller::detach); }

Status AdminCaller::each(const std::vector<AttachmentKey>& keys, Status (AdminCaller::*call)(const AttachmentKey&)) {
  std::atomic<std::size_t> next{};
  std::mutex mutex;
  std::optional<Error> failure;
  const auto work = [&] {
    for (std::size_t at = next++; at < keys.size(); at = next++) {
      auto done = (this->*call)(keys[at]);
      if (done.ok()) continue;
      const std::lock_guard lock(mutex);
      failure = within(to_text(keys[at]), std::move(done).error());
      next = keys.size();
    }
  };
  {
    std::vector<std::jthread> callers;
    for (std::size_t count = 0; count < kAtATime; ++count) callers.emplace_back(work);
  }
  if (failure) return *failure;
  return Ok{};
}

}  // namespace blockplug::bench
