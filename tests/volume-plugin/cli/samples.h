// SPDX-License-Identifier: Apache-2.0
#pragma once
// Sample answers of a daemon, for golden files and commands.
#include "attach-detach/outcome.h"
#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli::testing {

namespace v1 = blockplug::admin::v1;

inline constexpr WallClock::time_point kNow{std::chrono::seconds{1777629780}};  // 2026-05-01T10:03:00Z

google::protobuf::Timestamp ago(std::chrono::milliseconds distance);  // before kNow

v1::Attachment attached_sample();
v1::ListAttachmentsResponse attachments_sample();
v1::ListVolumesResponse volumes_sample();
v1::Volume volume_sample();
v1::Volume held_sample();  // on another node, limited, and open elsewhere
v1::ListSnapshotsResponse snapshots_sample();
v1::ExplainResponse waiting_sample();  // no free slot
v1::ExplainResponse stuck_sample();    // a guest that does not release the disk
v1::ExplainResponse orphan_sample();
v1::PlanResponse plan_sample();
v1::QueueResponse queue_sample();
v1::ListVmsResponse vms_sample();
v1::Attachment host_sample();  // at three paths
v1::ExplainResponse host_explained_sample();
v1::ExplainResponse host_orphan_sample();
v1::RepairResponse orphans_sample();  // one removed, one not
v1::DoctorResponse checks_sample();

}  // namespace blockplug::cli::testing
