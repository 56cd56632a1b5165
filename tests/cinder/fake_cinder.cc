// SPDX-License-Identifier: Apache-2.0
// The Block Storage API v3 of the fake cloud: which call it is, whether it may be made, and lists.
#include "tests/cinder/fake_cinder.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <regex>
#include <vector>

namespace blockplug::test {
namespace fake_cinder {

CloudAnswer answer_with(int status, const std::string& key, const json& value) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = json{{key, value}}.dump()};
}

void refuse(int status, const std::string& message) {
  const std::map<int, std::string> names{
      {400, "badRequest"}, {404, "itemNotFound"}, {409, "conflictingRequest"}, {413, "overLimit"}};
  json fault{{"code", status}, {"message", message}};
  if (status == 413) fault["retryAfter"] = "0";
  CloudAnswer answer = answer_with(status, names.contains(status) ? names.at(status) : "computeFault", fault);
  if (status == 413) answer.headers["Retry-After"] = "0";
  throw CloudAnswer(answer);
}

CloudVolume& volume_of(CloudState& state, const std::string& id) {
  const std::string missing = "Volume " + id + " could not be found.";
  CloudVolume& volume = find(state.volumes, id, missing);
  if (!is_ours(state, volume)) refuse(404, missing);
  return volume;
}
bool is_ours(const CloudState& state, const CloudVolume& volume) {
  return volume.project.empty() || volume.project == state.project_id;
}

std::string text_in(const json& object, const std::string& key) {
  return object.contains(key) && !object.at(key).is_null() ? object.at(key).get<std::string>() : "";
}
json or_null(const std::string& text) { return text.empty() ? json() : json(text); }
std::string now() { return utc_text(std::chrono::system_clock::now()); }

namespace {

bool matches(const json& view, const std::string& filter, const std::string& value) {
  if (filter != "metadata") {
    const json& field = view.at(filter == "instance_id" ? "instance" : filter == "attach_status" ? "status" : filter);
    return field.is_string() ? field == value : field.dump() == value;
  }
  // As Python writes a dictionary: {'key': 'it\'s'}. Anything else matches nothing.
  static const std::regex kLiteral(R"((['"])((?:\\.|(?!\1).)*)\1)"), kEscape(R"(\\(.))");
  std::vector<std::string> texts;
  for (std::sregex_iterator each(value.begin(), value.end(), kLiteral), end; each != end; ++each)
    texts.push_back(std::regex_replace(each->str(2), kEscape, "$1"));
  if (!value.starts_with("{") || texts.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < texts.size(); i += 2)
    if (text_in(view["metadata"], texts[i]) != texts[i + 1] || !view["metadata"].contains(texts[i])) return false;
  return true;
}

}  // namespace

CloudAnswer page_of(const Call& call, const std::string& name, Views views, const std::set<std::string>& filters) {
  static const std::set<std::string> kNoFilters{"limit", "marker", "offset", "sort", "with_count", "all_tenants"};
  Pairs query = call.request.query;
  std::size_t limit = call.state.page_limit;
  if (!query["limit"].empty()) limit = std::min(limit, std::size_t{std::strtoul(query["limit"].c_str(), nullptr, 10)});
  if (const std::string marker = query["marker"]; !marker.empty()) {
    const auto last = std::find_if(views.begin(), views.end(), [&](const auto& each) { return each.first.second == marker; });
    if (last == views.end()) refuse(404, marker + " could not be found.");
    views.erase(views.begin(), std::next(last));
  }
  for (const auto& [key, value] : query) {
    if (kNoFilters.contains(key)) continue;
    if (filters.contains(key))
      std::erase_if(views, [&, &filter = key, &wanted = value](const auto& each) { return !matches(each.second, filter, wanted); });
    else if (call.minor >= 31)
      refuse(400, "Invalid filters " + key + " are found in query options.");
  }
  json body{{name, json::array()}};
  for (auto each = views.begin(); each != views.end() && body[name].size() < limit; ++each) body[name].push_back(each->second);
  if (name != "attachments" && !body[name].empty() && body[name].size() == limit) {
    const std::string& path = call.request.path;
    const std::string sent = path.substr(std::min(path.find('?'), path.size() - 1) + 1);
    const std::string kept = std::regex_replace(sent, std::regex("(^|&)marker=[^&]*"), "");
    const std::string last = body[name].back()["id"];
    const std::string href = call.state.url + "/volume/v3/" + call.state.project_id + "/" + name + "/detail?" + kept +
                             (kept.empty() ? "marker=" : "&marker=") + last;
    body[name + "_links"].push_back({{"rel", "next"}, {"href", href}});
  }
  return {.status = 200, .headers = {{"Content-Type", "application/json"}}, .body = body.dump()};
}

namespace {

CloudAnswer versions(Call& call) {
  json version = json::parse(R"({"id": "v3.0", "status": "CURRENT", "min_version": "3.0", "updated": "2022-08-31T00:00:00Z",
    "links": [{"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"}],
    "media-types": [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}]})");
  version["version"] = "3." + std::to_string(call.state.max_minor);
  version["links"].push_back({{"rel", "self"}, {"href", call.state.url + "/volume/v3/"}});
  return answer_with(call.request.operation == "GET /volume" ? 300 : 200, "versions", json::array({version}));
}

const Operations& operations() {
  static const Operations kAll = [] {
    Operations all{{"GET /volume", {0, versions}}, {"GET /volume/v3", {0, versions}}};
    all.merge(volume_operations());
    all.merge(attachment_operations());
    return all;
  }();
  return kAll;
}

// Where the collection is in /volume/v3/<project>/volumes. Since 3.67 the project may be left out.
std::size_t collection_in(const std::vector<std::string>& parts) {
  return parts.size() > 2 && parts[2].find_first_not_of("0123456789abcdef-") == std::string::npos ? 3 : 2;
}

int minor_of(const Call& call) {
  const auto header = call.request.headers.find("openstack-api-version");
  const std::string text = header == call.request.headers.end() ? "3.0" : header->second.substr(header->second.rfind(' ') + 1);
  const int newest = call.state.max_minor;
  int major = 3, minor = newest;
  if (text != "latest" && std::sscanf(text.c_str(), "%d.%d", &major, &minor) != 2)
    refuse(400, "API Version String " + text + " is of invalid format. Must be of format MajorNum.MinorNum.");
  if (major == 3 && minor >= 0 && minor <= newest) return minor;
  refuse(406, "Version " + text + " is not supported by the API. Minimum is 3.0 and maximum is 3." + std::to_string(newest) + ".");
}

CloudAnswer perform(Call& call) {
  CloudState& state = call.state;
  const CloudRequest& request = call.request;
  const auto token = request.headers.find("x-auth-token");
  const auto project = token == request.headers.end() ? state.tokens.end() : state.tokens.find(token->second);
  const bool is_public =
      request.operation == "GET /volume" || (request.operation == "GET /volume/v3" && state.is_v3_document_public);
  if (project == state.tokens.end() && !is_public) {
    json error{{"code", 401}, {"title", "Unauthorized"}, {"message", "The request you have made requires authentication."}};
    CloudAnswer answer = answer_with(401, "error", error);
    answer.headers["WWW-Authenticate"] = "Keystone uri=\"" + state.url + "/identity\"";
    return answer;
  }
  call.minor = minor_of(call);
  const auto operation = operations().find(request.operation);
  if (operation == operations().end() || operation->second.least_minor > call.minor)
    refuse(404, "The resource could not be found.");
  const std::vector<std::string>& parts = request.parts;
  const std::size_t at = collection_in(parts);
  if (at == 3 && parts[2] != project->second) refuse(400, "Malformed request url");
  if (parts.size() > at + 1) call.id = parts[at + 1];
  if (parts.size() > at + 3) call.key = parts[at + 3];
  if (!request.body.empty()) call.body = json::parse(request.body);
  return operation->second.perform(call);
}

}  // namespace
}  // namespace fake_cinder

std::string cinder_operation(const CloudRequest& request) {
  const std::vector<std::string>& parts = request.parts;
  if (parts.empty() || parts[0] != "volume" || (parts.size() > 1 && parts[1] != "v3")) return "";
  std::string operation = request.method + " ";
  const std::size_t at = fake_cinder::collection_in(parts);
  if (parts.size() <= at) operation += parts.size() == 1 ? "/volume" : "/volume/v3";
  for (std::size_t i = at; i < parts.size(); ++i)
    operation += "/" + (i == at + 1 && parts[i] != "detail" ? "{id}" : i == at + 3 ? "{key}" : parts[i]);
  const auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (operation.ends_with("/action") && body.is_object() && !body.empty()) operation += " " + body.begin().key();
  return fake_cinder::operations().contains(operation) ? operation : "";
}

CloudAnswer cinder_answer(CloudState& state, const CloudRequest& request) {
  fake_cinder::Call call{.state = state, .request = request};
  CloudAnswer answer;
  try {
    answer = fake_cinder::perform(call);
  } catch (const CloudAnswer& refusal) {
    answer = refusal;
  } catch (const nlohmann::json::exception& error) {
    const std::string message = std::string("Malformed request body: ") + error.what();
    answer = fake_cinder::answer_with(400, "badRequest", {{"code", 400}, {"message", message}});
  }
  if (answer.status == 401) return answer;  // from Keystone's middleware, which knows no microversions
  answer.headers["OpenStack-API-Version"] = "volume 3." + std::to_string(call.minor);
  answer.headers["Vary"] = "OpenStack-API-Version";
  return answer;
}

}  // namespace blockplug::test
