// SPDX-License-Identifier: Apache-2.0
#pragma once
// The core's values as messages of the admin service, in which each text is UTF-8: protobuf's readers refuse a message with any
// other. Pure.
#include "attach-detach/backend.h"
#include "attach-detach/report.h"
#include "hotplug/vm/vms.h"
#include "volume-plugin/admin/admin.pb.h"
#include "volume-plugin/doctor/check.h"
#include "volume-plugin/door/door.h"

namespace blockplug::admin {

v1::Attachment to_message(const AttachmentReport& report);
v1::Explanation to_explanation(const AttachmentReport& report);
v1::Volume to_message(const VolumeInfo& info, const std::string& this_node);
v1::Snapshot to_message(const SnapshotDoor::Snapshot& snapshot);
v1::QueueItem to_message(const QueueEntry& entry);
v1::PlanItem to_message(const PlanEntry& entry);
v1::Vm to_message(const VmState& vm);
v1::Orphan to_message(const OrphanDoor::Orphan& orphan);
v1::Check to_message(const doctor::Check& check);

}  // namespace blockplug::admin
