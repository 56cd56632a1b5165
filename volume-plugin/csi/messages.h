// SPDX-License-Identifier: Apache-2.0
#pragma once
// Our values as CSI's messages. Pure functions.
#include "volume-plugin/csi/csi.pb.h"
#include "volume-plugin/csi/settings.h"

namespace blockplug::csi {

// `is_of_this_machine`: only the node of `settings` has it.
::csi::v1::Volume to_message(const VolumeInfo& info, bool is_of_this_machine, const Settings& settings);
::csi::v1::Snapshot to_message(const SnapshotDoor::Snapshot& snapshot);

// Where the volume is held, by the nodes' names; `here`: what this node has of it.
std::vector<std::string> nodes_of(const VolumeInfo& info, const std::vector<AttachmentReport>& here, const std::string& this_node);

// The worst of all attachments; normal where there is none.
Condition condition_of_all(const std::vector<AttachmentReport>& here);
::csi::v1::VolumeCondition to_message(const Condition& condition);

// Could something of it be up, or is it to be?
bool may_be_there(const AttachmentReport& report);

}  // namespace blockplug::csi
