// SPDX-License-Identifier: Apache-2.0
#pragma once
// Output for programs (-o json). Every field is always present: missing text is "", a missing time is null. Pure functions; each
// text ends with a line break.
#include <string>

#include "attach-detach/outcome.h"
#include "volume-plugin/admin/admin.pb.h"

namespace blockplug::cli {

namespace v1 = blockplug::admin::v1;

std::string volume_json(const v1::Volume& volume);
std::string volumes_json(const v1::ListVolumesResponse& response);
std::string deleted_json(const std::string& volume);
std::string fenced_json(const std::string& volume, const v1::FenceVolumeResponse& response);
std::string cancelled_json(const std::string& volume, const v1::CancelOrdersResponse& response);

std::string snapshot_json(const v1::Snapshot& snapshot);
std::string snapshots_json(const v1::ListSnapshotsResponse& response);
std::string snapshot_deleted_json(const std::string& snapshot);

std::string attachment_json(const v1::Attachment& attachment);
std::string attachments_json(const v1::ListAttachmentsResponse& response);
std::string detached_json(const v1::DetachRequest& request);
std::string event_json(const v1::WatchEvent& event);  // on one line

std::string explanations_json(const v1::ExplainResponse& response);
std::string plan_json(const v1::PlanResponse& response);
std::string queue_json(const v1::QueueResponse& response);
std::string vms_json(const v1::ListVmsResponse& response);
std::string orphans_json(const v1::RepairResponse& response);
std::string checks_json(const v1::DoctorResponse& response);

std::string version_json(const std::string& version, const v1::GetVersionResponse* daemon);  // nullptr: no daemon runs
std::string error_json(const Error& error, const std::string& volume);                       // on one line

}  // namespace blockplug::cli
