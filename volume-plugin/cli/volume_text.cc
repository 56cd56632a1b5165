// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/volume_text.h"

#include <map>
#include <set>

#include "volume-plugin/cli/attachment_text.h"
#include "volume-plugin/cli/report_text.h"
#include "volume-plugin/cli/table.h"
#include "volume-plugin/size.h"

namespace blockplug::cli {
namespace {
std::string joined(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}
}  // namespace

std::string volumes_text(const v1::ListVolumesResponse& response, WallClock::time_point now) {
  Table table({"VOLUME", "BACKEND", "SIZE", "AGE"});
  for (const auto& volume : response.volumes())
    table.add({volume.id(), volume.backend(), format_size(volume.size_bytes()),
               volume.has_created() ? age_of(volume.created(), now) : std::string{}});
  return table.text();
}

std::string limits_text(const v1::Volume& volume) {
  std::string text;
  const auto& limits = volume.limits();
  if (const auto iops = limits.find("iops"); iops != limits.end()) text = std::to_string(iops->second) + " iops";
  if (const auto bytes = limits.find("bytes_per_second"); bytes != limits.end())
    text += (text.empty() ? "" : ", ") + format_size(bytes->second) + " per second";
  return text;
}

std::string holder_text(const v1::Holder& holder, WallClock::time_point now) {
  auto text = "node " + holder.node() + ", " + holder.target() + ", " + holder.access();
  if (holder.has_since()) text += ", since " + moment(holder.since(), now);
  if (holder.clients().empty()) return text + ", not open";
  return text + (holder.clients().size() == 1 ? ", client " : ", clients ") + joined(holder.clients());
}

std::string elsewhere_text(const v1::Volume& volume) {
  std::set<std::string> nodes;
  for (const auto& holder : volume.holders())
    if (!holder.this_node()) nodes.insert(holder.node());
  if (nodes.empty()) return {};
  std::string names;
  for (const auto& node : nodes) names += (names.empty() ? "" : ", ") + node;
  return (nodes.size() == 1 ? "; node " : "; nodes ") + names +
         (nodes.size() == 1 ? ", which holds it, applies this within 15 s" : ", which hold it, apply this within 15 s");
}

std::string fenced_text(const std::string& volume, const v1::FenceVolumeResponse& response) {
  if (response.fenced().empty()) return harmless(volume + " was not held: nothing to fence") + "\n";
  return harmless(volume + " is fenced; permanently blocklisted: " + joined(response.fenced())) + "\n";
}

std::string cancelled_text(const std::string& volume, const v1::CancelOrdersResponse& response) {
  if (response.cancelled().empty()) return harmless(volume + " has no order that can be cancelled") + "\n";
  return harmless(volume + ": cancelled: " + joined(response.cancelled())) + "\n";
}

std::string volume_text(const v1::Volume& volume, WallClock::time_point now) {
  Report report(volume.id());
  report.add("size", format_size(volume.size_bytes()) + " (" + std::to_string(volume.size_bytes()) + " bytes)");
  report.add("backend", volume.backend());
  if (volume.has_created()) report.add("created", moment(volume.created(), now));
  for (const auto& [name, value] : std::map<std::string, std::string>(volume.details().begin(), volume.details().end()))
    report.add(name, value);
  report.add("limits", limits_text(volume));
  for (const auto& holder : volume.holders()) report.add("holder", holder_text(holder, now));
  for (const auto& watcher : volume.watchers()) report.add("also open by", watcher);
  if (volume.attachments().empty()) report.add("attached", "no");
  for (const auto& attachment : volume.attachments()) report.add("attached", where_and_how(attachment));
  return report.text();
}

}  // namespace blockplug::cli
