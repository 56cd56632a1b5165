// SPDX-License-Identifier: Apache-2.0
// Attachments of the fake Cinder. A volume is reserved, attaching and in-use with its attachment.
#include "tests/cinder/fake_cinder.h"

namespace blockplug::test::fake_cinder {
namespace {

CloudAttachment& attachment_of(Call& call) {
  return find(call.state.attachments, call.id,
              "Volume attachment could not be found with filter: attachment_id = " + call.id + ".");
}

json view_of(const std::string& id, const CloudAttachment& each, bool is_detailed = true) {
  json view{{"id", id}, {"status", each.status}, {"instance", or_null(each.instance)}, {"volume_id", each.volume_id}};
  if (!is_detailed) return view;
  view.update({{"attached_at", each.attached}, {"detached_at", ""}, {"attach_mode", each.mode}});
  view["connection_info"] = json::parse(each.connection);
  return view;
}

json connection_of(const CloudState& state, const std::string& attachment_id, const std::string& volume_id) {
  const CloudVolume& volume = state.volumes.at(volume_id);
  json info = json::parse(R"({"cluster_name": "ceph", "secret_type": "ceph", "discard": true, "cacheable": false, "hosts": [],
    "ports": [], "qos_specs": null})");
  for (const auto& [host, port] : state.monitors) info["hosts"].push_back(host), info["ports"].push_back(port);
  if (!state.qos.empty()) info["qos_specs"] = state.qos;
  info["name"] = state.pool + "/" + (volume.image.empty() ? "volume-" + volume_id : volume.image);
  info.update({{"driver_volume_type", state.driver}, {"volume_id", volume_id}, {"attachment_id", attachment_id}});
  info.update({{"auth_enabled", !state.ceph_user.empty()}, {"auth_username", or_null(state.ceph_user)}});
  info.update({{"secret_uuid", state.cluster_id}, {"access_mode", state.access_mode}, {"encrypted", volume.is_encrypted}});
  return info;
}

void connect(CloudState& state, const std::string& id, CloudAttachment& attachment, const json& connector) {
  attachment.connection = connection_of(state, id, attachment.volume_id).dump();
  attachment.connector = connector.dump();
  attachment.host = connector.value("host", "");
  attachment.device = connector.value("mountpoint", "na");
  if (attachment.mode == "null") attachment.mode = connector.value("mode", "rw");
  attachment.attached = now();
  attachment.status = state.volumes.at(attachment.volume_id).status = "attaching";
}

CloudAnswer create_attachment(Call& call) {
  const json& asked = call.body.at("attachment");
  for (const auto& [key, value] : asked.items()) {
    const bool is_known =
        key == "volume_uuid" || key == "instance_uuid" || key == "connector" || (key == "mode" && call.minor >= 54);
    if (!is_known) refuse(400, "Additional properties are not allowed ('" + key + "' was unexpected)");
    if (value.is_null() && key != "connector")
      refuse(400, "Invalid input for field/attribute " + key + ". Value: None. None is not of type 'string'");
  }
  CloudAttachment attachment{.volume_id = asked.at("volume_uuid"), .mode = asked.value("mode", "null")};
  attachment.instance = text_in(asked, "instance_uuid");
  CloudVolume& volume = volume_of(call.state, attachment.volume_id);
  if (volume.status.find("error") != std::string::npos)
    refuse(400, "Invalid volume: Volume attachments can not be created if the volume is in an error state. The Volume " +
                    attachment.volume_id + " currently has a status of: " + volume.status + " ");
  if (volume.status != "available" && volume.status != "downloading" && (volume.status != "in-use" || !volume.is_multiattach))
    refuse(400, "Invalid volume: Volume " + attachment.volume_id + " status must be available or " +
                    (volume.is_multiattach ? "in-use or " : "") + "downloading to reserve, but the current status is " +
                    volume.status + ".");
  volume.status = "reserved";
  attachment.created = now();
  const std::string id = call.state.new_id();
  if (asked.contains("connector") && !asked["connector"].is_null()) connect(call.state, id, attachment, asked["connector"]);
  return answer_with(200, "attachment", view_of(id, call.state.attachments[id] = attachment));
}

CloudAnswer connect_attachment(Call& call) {
  CloudAttachment& attachment = attachment_of(call);
  const json& connector = call.body.at("attachment").at("connector");
  if (connector.empty()) refuse(400, "Invalid input for field/attribute connector. Value: {}. {} does not have enough properties");
  if (!connector.contains("host")) refuse(500, "Unable to update the attachment.");
  CloudVolume& volume = volume_of(call.state, attachment.volume_id);
  if (volume.status.find("error") != std::string::npos)  // 500 up to 2023.2
    refuse(call.state.max_minor > 70 ? 409 : 500, "Volume attachments can not be updated if the volume is in an error state.");
  CloudAttachment told = attachment;  // as it was before, but for the connection
  connect(call.state, call.id, attachment, connector);
  told.connection = attachment.connection;
  return answer_with(200, "attachment", view_of(call.id, told));
}

CloudAnswer get_attachment(Call& call) { return answer_with(200, "attachment", view_of(call.id, attachment_of(call))); }

CloudAnswer list_attachments(Call& call) {
  const bool is_detailed = call.request.operation == "GET /attachments/detail";
  Views views;
  for (const auto& [id, each] : call.state.attachments) views[{each.created, id}] = view_of(id, each, is_detailed);
  return page_of(call, "attachments", views, {"volume_id", "status", "instance_id", "attach_status"});
}

CloudAnswer complete_attachment(Call& call) {  // whatever its status
  CloudAttachment& attachment = attachment_of(call);
  volume_of(call.state, attachment.volume_id).status = "in-use";
  attachment.status = "attached";
  return {.status = 204};
}

CloudAnswer delete_attachment(Call& call) {
  const CloudAttachment attachment = attachment_of(call);
  if (!attachment.instance.empty() && attachment.connection != "{}")
    refuse(409, "ConflictNovaUsingAttachment: Detach volume from instance " + attachment.instance + " using the Compute API");
  call.state.attachments.erase(call.id);
  json others = json::array();
  std::set<std::string> statuses;  // in the order that counts: attached, attaching, detaching, reserved
  for (const auto& [id, each] : call.state.attachments) {
    if (each.volume_id != attachment.volume_id) continue;
    others.push_back(view_of(id, each, false));
    if (!each.status.starts_with("error_")) statuses.insert(each.status);
  }
  const std::string status = statuses.empty() ? "available" : *statuses.begin();
  volume_of(call.state, attachment.volume_id).status = status == "attached" ? "in-use" : status;
  return answer_with(200, "attachments", others);
}

}  // namespace

Operations attachment_operations() {
  return {
      {"POST /attachments", {27, create_attachment}},
      {"GET /attachments", {27, list_attachments}},
      {"GET /attachments/detail", {27, list_attachments}},
      {"GET /attachments/{id}", {27, get_attachment}},
      {"PUT /attachments/{id}", {27, connect_attachment}},
      {"DELETE /attachments/{id}", {27, delete_attachment}},
      {"POST /attachments/{id}/action os-complete", {44, complete_attachment}},
  };
}

}  // namespace blockplug::test::fake_cinder
