// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/cli/json.h"

#include <nlohmann/json.hpp>

#include "volume-plugin/cli/time_text.h"

namespace blockplug::cli {
namespace {
using Json = nlohmann::ordered_json;

// By default dump() throws on text that is not UTF-8.
std::string lines(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }
std::string one_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

template <typename Message>
Json time_of(const Message& message, bool (Message::*has)() const, const google::protobuf::Timestamp& (Message::*get)() const) {
  return (message.*has)() ? Json(format_time((message.*get)())) : Json(nullptr);
}

template <typename Messages, typename ToJson>
Json list_of(const Messages& messages, ToJson to_json) {
  Json list = Json::array();
  for (const auto& message : messages) list.push_back(to_json(message));
  return list;
}

Json texts(const google::protobuf::RepeatedPtrField<std::string>& values) {
  return list_of(values, [](const std::string& value) { return Json(value); });
}

// Protobuf's maps have no order: sorted by name.
Json facts_of(const google::protobuf::Map<std::string, std::string>& facts) {
  const std::map<std::string, std::string> sorted(facts.begin(), facts.end());
  Json json = Json::object();
  for (const auto& [name, value] : sorted) json[name] = value;
  return json;
}

Json path(const v1::Path& it) { return {{"path", it.path()}, {"read_only", it.read_only()}, {"block", it.block()}}; }

Json attachment(const v1::Attachment& it) {
  return {{"volume", it.volume()},
          {"backend", it.backend()},
          {"target", it.target()},
          {"desired", it.desired()},
          {"state", it.state()},
          {"rung", it.rung()},
          {"device", it.device()},
          {"paths", list_of(it.paths(), path)},
          {"read_only", it.read_only()},
          {"size_bytes", it.size_bytes()},
          {"holder", it.holder()},
          {"attempts", it.attempts()},
          {"last_error", it.last_error()},
          {"note", it.note()},
          {"next_try", time_of(it, &v1::Attachment::has_next_try, &v1::Attachment::next_try)},
          {"since", time_of(it, &v1::Attachment::has_since, &v1::Attachment::since)}};
}

Json holder(const v1::Holder& it) {
  return {{"node", it.node()},
          {"target", it.target()},
          {"access", it.access()},
          {"since", time_of(it, &v1::Holder::has_since, &v1::Holder::since)},
          {"clients", texts(it.clients())},
          {"this_node", it.this_node()}};
}

Json limits_of(const v1::Volume& it) {
  Json json = Json::object();
  for (const auto& [name, value] : std::map<std::string, std::int64_t>(it.limits().begin(), it.limits().end())) json[name] = value;
  return json;
}

Json volume(const v1::Volume& it) {
  return {{"id", it.id()},
          {"backend", it.backend()},
          {"size_bytes", it.size_bytes()},
          {"created", time_of(it, &v1::Volume::has_created, &v1::Volume::created)},
          {"details", facts_of(it.details())},
          {"limits", limits_of(it)},
          {"holders", list_of(it.holders(), holder)},
          {"watchers", texts(it.watchers())},
          {"attachments", list_of(it.attachments(), attachment)}};
}

Json snapshot(const v1::Snapshot& it) {
  return {{"id", it.id()},
          {"volume", it.volume()},
          {"name", it.name()},
          {"size_bytes", it.size_bytes()},
          {"created", time_of(it, &v1::Snapshot::has_created, &v1::Snapshot::created)},
          {"clones", texts(it.clones())}};
}

Json rung(const v1::Rung& it) {
  return {{"name", it.name()},
          {"state", it.state()},
          {"facts", facts_of(it.facts())},
          {"waiting_for", it.waiting_for()},
          {"note", it.note()},
          {"since", time_of(it, &v1::Rung::has_since, &v1::Rung::since)}};
}

Json explanation(const v1::Explanation& it) {
  return {{"attachment", attachment(it.attachment())},
          {"rungs", list_of(it.rungs(), rung)},
          {"reasons", texts(it.reasons())},
          {"running", it.running()},
          {"operation", it.operation()}};
}

Json plan_item(const v1::PlanItem& it) { return {{"volume", it.volume()}, {"step", it.step()}, {"reasons", texts(it.reasons())}}; }

Json queue_item(const v1::QueueItem& it) {
  return {{"volume", it.volume()},
          {"what", it.what()},
          {"operation", it.operation()},
          {"state", it.state()},
          {"note", it.note()},
          {"attempts", it.attempts()},
          {"next_try", time_of(it, &v1::QueueItem::has_next_try, &v1::QueueItem::next_try)}};
}

Json vm(const v1::Vm& it) {
  return {{"id", it.id()},   {"state", it.state()}, {"socket", it.socket()},         {"pid", it.pid()},
          {"bus", it.bus()}, {"disks", it.disks()}, {"free_slots", it.free_slots()}, {"why", it.why()}};
}

Json orphan(const v1::Orphan& it) {
  return {{"volume", it.volume()},
          {"target", it.target()},
          {"things", texts(it.things())},
          {"repaired", it.repaired()},
          {"problem", it.problem()}};
}

Json check(const v1::Check& it) {
  return {
      {"name", it.name()}, {"state", it.state()}, {"found", it.found()}, {"remedy", it.remedy()}, {"needed_for", it.needed_for()}};
}
}  // namespace

std::string volume_json(const v1::Volume& it) { return lines(volume(it)); }
std::string volumes_json(const v1::ListVolumesResponse& response) { return lines(list_of(response.volumes(), volume)); }
std::string deleted_json(const std::string& id) { return lines({{"volume", id}, {"deleted", true}}); }

std::string fenced_json(const std::string& id, const v1::FenceVolumeResponse& response) {
  return lines({{"volume", id}, {"fenced", texts(response.fenced())}});
}

std::string cancelled_json(const std::string& id, const v1::CancelOrdersResponse& response) {
  return lines({{"volume", id}, {"cancelled", texts(response.cancelled())}, {"begun", texts(response.begun())}});
}

std::string snapshot_json(const v1::Snapshot& it) { return lines(snapshot(it)); }
std::string snapshots_json(const v1::ListSnapshotsResponse& response) { return lines(list_of(response.snapshots(), snapshot)); }
std::string snapshot_deleted_json(const std::string& id) { return lines({{"snapshot", id}, {"deleted", true}}); }

std::string attachment_json(const v1::Attachment& it) { return lines(attachment(it)); }
std::string attachments_json(const v1::ListAttachmentsResponse& response) {
  return lines(list_of(response.attachments(), attachment));
}
std::string detached_json(const v1::DetachRequest& it) {
  return lines({{"volume", it.volume()}, {"path", it.path()}, {"desired", "detached"}, {"state", "detached"}});
}

std::string event_json(const v1::WatchEvent& event) {
  auto json = attachment(event.attachment());
  json["gone"] = event.gone();
  return one_line(json);
}

std::string explanations_json(const v1::ExplainResponse& response) { return lines(list_of(response.explanations(), explanation)); }
std::string plan_json(const v1::PlanResponse& response) { return lines(list_of(response.items(), plan_item)); }
std::string queue_json(const v1::QueueResponse& response) { return lines(list_of(response.items(), queue_item)); }
std::string vms_json(const v1::ListVmsResponse& response) { return lines(list_of(response.vms(), vm)); }
std::string orphans_json(const v1::RepairResponse& response) { return lines(list_of(response.orphans(), orphan)); }
std::string checks_json(const v1::DoctorResponse& response) { return lines(list_of(response.checks(), check)); }

std::string version_json(const std::string& version, const v1::GetVersionResponse* daemon) {
  Json json{{"version", version}, {"daemon", nullptr}};
  if (daemon != nullptr) json["daemon"] = {{"version", daemon->version()}, {"node", daemon->node()}};
  return lines(json);
}

std::string error_json(const Error& error, const std::string& id) {
  return one_line({{"code", to_text(error.code)}, {"message", error.message}, {"volume", id}});
}

}  // namespace blockplug::cli
