// SPDX-License-Identifier: Apache-2.0
#pragma once
// A daemon's admin service without a daemon: answers what it was told to, on a real socket, and keeps what it was asked. gRPC
// stays in fake_admin.cc.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli::testing {

namespace v1 = blockplug::admin::v1;

class FakeAdmin {
 public:
  struct Answers {
    std::optional<Error> error{};  // to every call but Watch
    bool hangs{};                  // every call but Watch waits until its caller has gone away
    v1::ListVolumesResponse volumes{};
    v1::ListSnapshotsResponse snapshots{};
    v1::FenceVolumeResponse fenced{};
    std::optional<v1::Volume> volume{};  // that GetVolume answers
    v1::ListAttachmentsResponse attachments{};
    v1::ExplainResponse explanations{};
    v1::PlanResponse plan{};
    v1::QueueResponse queue{};
    v1::ListVmsResponse vms{};
    v1::RepairResponse orphans{};
    v1::DoctorResponse checks{};
    std::vector<v1::WatchEvent> events{};  // told at once; then Watch stays until its caller goes away
  };
  struct Call {
    std::string text;  // `Attach volume: "local/data" vm: "web-0"`
    std::chrono::milliseconds time_left{};
  };

  FakeAdmin(const std::string& socket, Answers answers);
  ~FakeAdmin();
  std::vector<Call> calls() const;
  // Until one of the calls (Watch not counted) is in the daemon.
  void wait_for_call() const;

 private:
  class Service;
  struct Running;
  std::unique_ptr<Running> running_;
};

}  // namespace blockplug::cli::testing
