// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold_record.h"

#include <ctime>
#include <nlohmann/json.hpp>

namespace blockplug::rbd {
namespace {
using Json = nlohmann::json;
constexpr int kVersion = 1;

Json to_json(const Holder& holder) {
  Json clients = Json::array();
  for (const auto& client : holder.clients) clients.push_back({{"address", client.address}, {"process", client.process}});
  return {{"node", holder.node},
          {"host", holder.host},
          {"machine", holder.machine},
          {"state_dir", holder.state_dir},
          {"volume", holder.attachment.volume.str()},
          {"target", holder.attachment.target.str()},
          {"mode", holder.access == Access::ReadOnly ? "ro" : "rw"},
          {"boot", holder.boot},
          {"since", holder.since},
          {"opening", holder.may_be_opening},
          {"clients", std::move(clients)}};
}

Holder to_holder(const Json& json) {
  const auto text = [&](const char* name) { return json.at(name).get<std::string>(); };
  Holder holder{.node = text("node"),
                .host = json.value("host", ""),
                .machine = json.value("machine", ""),
                .state_dir = json.value("state_dir", ""),
                .attachment = {VolumeId{text("volume")}, TargetId{text("target")}},
                .access = text("mode") == "ro" ? Access::ReadOnly : Access::ReadWrite,
                .boot = text("boot"),
                .since = text("since"),
                .may_be_opening = json.at("opening").get<bool>()};
  for (const auto& client : json.at("clients"))
    holder.clients.push_back({client.at("address").get<std::string>(), client.at("process").get<std::string>()});
  return holder;
}
}  // namespace

std::string to_text(const HoldRecord& record) {
  if (record.is_free()) return {};
  Json holders = Json::array();
  for (const auto& holder : record.holders) holders.push_back(to_json(holder));
  Json json{{"version", kVersion}, {"holders", std::move(holders)}};
  if (!record.fencing.empty()) json["fencing"] = record.fencing, json["victims"] = record.victims;
  if (!record.fenced_node.empty()) json["fenced_node"] = record.fenced_node;
  if (!record.deleting.empty()) json["deleting"] = record.deleting;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<HoldRecord> hold_record_from(const std::string& text) {
  HoldRecord record;
  if (text.empty()) return record;
  try {
    const auto json = Json::parse(text);
    if (json.at("version") != kVersion)
      return no_effect(Code::FailedPrecondition, "the image's hold was written by a newer version of Blockplug: use that version");
    for (const auto& holder : json.at("holders")) record.holders.push_back(to_holder(holder));
    record.fencing = json.value("fencing", "");
    record.fenced_node = json.value("fenced_node", "");
    if (json.contains("victims")) record.victims = json.at("victims").get<std::vector<std::string>>();
    record.deleting = json.value("deleting", "");
  } catch (const Json::exception&) {
    return no_effect(Code::DataLoss,
                     "the image's hold (attribute blockplug.hold of its header) cannot be parsed: Blockplug did not write it");
  }
  return record;
}

bool is_client_of(const HoldRecord& record, const std::string& address) {
  for (const auto& holder : record.holders)
    for (const auto& client : holder.clients)
      if (client.address == address) return true;
  return false;
}

std::string describe(const Holder& holder) {
  std::string text = "node " + holder.node + " for " + to_text(holder.attachment) +
                     (holder.access == Access::ReadOnly ? ", read-only" : ", read-write") + ", since " + holder.since;
  for (const auto& client : holder.clients) text += client.address.empty() ? ", client unknown" : ", as client " + client.address;
  if (holder.may_be_opening) text += ", about to open it";
  return text;
}

std::string describe(const HoldRecord& record) {
  std::string text;
  for (const auto& holder : record.holders) text += (text.empty() ? "" : "; ") + describe(holder);
  if (!record.fencing.empty()) text += (text.empty() ? "" : "; ") + ("being fenced by node " + record.fencing);
  if (!record.deleting.empty()) text += (text.empty() ? "" : "; ") + ("being deleted by node " + record.deleting);
  return text;
}

std::string now_as_text() {
  const auto now = WallClock::to_time_t(WallClock::now());
  struct tm parts {};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace blockplug::rbd
