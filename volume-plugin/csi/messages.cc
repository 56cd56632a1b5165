// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/csi/messages.h"

#include <algorithm>

#include "attach-detach/utf8.h"

namespace blockplug::csi {
namespace v1 = ::csi::v1;
namespace {

// "a" or "a@snapshot", of the same backend.
void tell_source(const VolumeInfo& info, v1::Volume& message) {
  const auto source = fact(info.details, "source");
  if (source.empty()) return;
  const auto id = as_utf8(backend_of(info.id) + "/" + source);
  if (source.find('@') == std::string::npos)
    message.mutable_content_source()->mutable_volume()->set_volume_id(id);
  else
    message.mutable_content_source()->mutable_snapshot()->set_snapshot_id(id);
}
}  // namespace

v1::Volume to_message(const VolumeInfo& info, bool is_of_this_machine, const Settings& settings) {
  v1::Volume message;
  message.set_volume_id(info.id.str());
  message.set_capacity_bytes(info.size_bytes);
  tell_source(info, message);
  if (is_of_this_machine) (*message.add_accessible_topology()->mutable_segments())[settings.topology_key()] = settings.node;
  return message;
}

v1::Snapshot to_message(const SnapshotDoor::Snapshot& snapshot) {
  v1::Snapshot message;
  message.set_snapshot_id(as_utf8(snapshot.volume.str() + "@" + snapshot.info.name));
  message.set_source_volume_id(as_utf8(snapshot.volume.str()));
  message.set_size_bytes(snapshot.info.size_bytes);
  message.set_ready_to_use(snapshot.info.is_ready);
  message.mutable_creation_time()->set_seconds(WallClock::to_time_t(snapshot.info.created));
  return message;
}

bool may_be_there(const AttachmentReport& report) {
  return report.is_desired || std::ranges::any_of(report.rungs, [](const auto& rung) { return rung.state != "down"; });
}

std::vector<std::string> nodes_of(const VolumeInfo& info, const std::vector<AttachmentReport>& here, const std::string& this_node) {
  std::vector<std::string> nodes;
  const auto add = [&](const std::string& node) {
    if (!node.empty() && std::ranges::find(nodes, node) == nodes.end()) nodes.push_back(node);
  };
  if (std::ranges::any_of(here, may_be_there)) add(this_node);
  for (const auto& holder : info.holders) add(as_utf8(holder.node));
  return nodes;
}

Condition condition_of_all(const std::vector<AttachmentReport>& here) {
  Condition all{false, here.empty() ? "not attached on this node" : "attached"};
  for (const auto& report : here)
    if (auto each = condition_of(report); each.is_abnormal) all = {true, to_text(report.key) + ": " + each.text};
  return all;
}

v1::VolumeCondition to_message(const Condition& condition) {
  v1::VolumeCondition message;
  message.set_abnormal(condition.is_abnormal);
  message.set_message(as_utf8(condition.text));
  return message;
}

}  // namespace blockplug::csi
