// SPDX-License-Identifier: Apache-2.0
#pragma once
// An admin service without a daemon: gives prepared answers on a real socket, and records the requests. gRPC stays in
// fake_admin.cc.
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
    std::optional<Error> error{};  // for every call except Watch
    bool hangs{};                  // every call except Watch waits until its caller goes away
    v1::ListVolumesResponse volumes{};
    v1::ListSnapshotsResponse snapshots{};
    v1::FenceVolumeResponse fenced{};
    v1::CancelOrdersResponse cancelled{};
    std::optional<v1::Volume> volume{};  // GetVolume's answer
    v1::ListAttachmentsResponse attachments{};
    v1::ExplainResponse explanations{};
    v1::PlanResponse plan{};
    v1::QueueResponse queue{};
    v1::ListVmsResponse vms{};
    v1::RepairResponse orphans{};
    v1::DoctorResponse checks{};
    std::vector<v1::WatchEvent> events{};  // sent at once; then Watch waits until its caller goes away
  };
  struct Call {
    std::string text;  // `Attach volume: "local/data" vm: "web-0"`
    std::chrono::milliseconds time_left{};
  };

  FakeAdmin(const std::string& socket, Answers answers);
  ~FakeAdmin();
  std::vector<Call> calls() const;
  // Waits until one of the calls (except Watch) has arrived.
  void wait_for_call() const;

 private:
  class Service;
  struct Running;
  std::unique_ptr<Running> running_;
};

}  // namespace blockplug::cli::testing
