// SPDX-License-Identifier: Apache-2.0
// The Identity API v3 of the fake cloud: versions, and tokens for passwords, application credentials and other tokens.
#include <nlohmann/json.hpp>

#include "tests/cinder/fake_cloud.h"

namespace blockplug::test {
namespace {
using nlohmann::json;

const json kDomain{{"id", "default"}, {"name", "Default"}};

CloudAnswer answer_with(int status, const json& body) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}, {"Vary", "X-Auth-Token"}}, .body = body.dump()};
}

CloudAnswer refusal(int status, const std::string& title, const std::string& message) {
  return answer_with(status, {{"error", {{"code", status}, {"message", message}, {"title", title}}}});
}

// {"id": …}, or {"name": …} with its domain: is it the one with this id and name? json::out_of_range: its domain is missing.
bool is_named(const json& named, const std::string& id, const std::string& name) {
  if (named.contains("id")) return named.at("id") == id;
  const json& domain = named.at("domain");
  return named.at("name") == name && (domain.value("id", "") == kDomain["id"] || domain.value("name", "") == kDomain["name"]);
}

// The user whose identity it proves; nullptr: none.
const CloudUser* user_of(const CloudState& state, const std::string& method, const json& proof) {
  for (const CloudUser& user : state.users) {
    if (method == "password") {
      const json& claimed = proof.at("user");
      if (is_named(claimed, user.id, user.name) && claimed.at("password") == user.password) return &user;
    } else if (method == "token") {
      if (state.tokens.contains(proof.at("id"))) return &user;
    } else if (method == "application_credential") {
      for (const CloudApplicationCredential& each : state.application_credentials) {
        const bool is_it = proof.contains("id") ? proof.at("id") == each.id
                                                : proof.at("name") == each.name && is_named(proof.at("user"), user.id, user.name);
        if (is_it && each.user_name == user.name && proof.at("secret") == each.secret) return &user;
      }
    }
  }
  return nullptr;
}

json catalogue_of(const CloudState& state) {
  std::map<std::string, json> services;
  for (const CloudEndpoint& each : state.catalogue) {
    json endpoint{{"interface", each.interface}, {"region", each.region}, {"region_id", each.region}, {"url", each.url}};
    endpoint["id"] = each.type + "-" + each.interface + "-" + each.region;
    services[each.type].update({{"id", "service-" + each.type}, {"type", each.type}, {"name", each.type}});
    services[each.type]["endpoints"].push_back(endpoint);
  }
  json catalogue = json::array();
  for (const auto& [type, service] : services) catalogue.push_back(service);
  return catalogue;
}

CloudAnswer issue(CloudState& state, const json& auth) {
  const auto unauthorized = [](const std::string& message = "The request you have made requires authentication.") {
    return refusal(401, "Unauthorized", message);
  };
  const std::string method = auth.at("identity").at("methods").at(0);
  const CloudUser* user = user_of(state, method, auth.at("identity").at(method));
  if (user == nullptr) return unauthorized();
  const bool is_credential = method == "application_credential";  // which is of one project
  if (is_credential && auth.contains("scope"))
    return unauthorized("Error authenticating with application credential: Application credentials cannot request a scope.");
  const json scope = auth.value("scope", json::object());
  const bool has_project = is_credential || scope.contains("project");
  if (has_project && !is_credential && !is_named(scope["project"], state.project_id, state.project_name)) return unauthorized();

  const auto now = std::chrono::system_clock::now();
  json token{{"issued_at", utc_text(now) + "Z"}, {"expires_at", utc_text(now + state.token_lifetime) + "Z"}};
  token["methods"].push_back(method);
  token["audit_ids"].push_back("audit-" + std::to_string(state.made));
  token["user"] = {{"domain", kDomain}, {"id", user->id}, {"name", user->name}, {"password_expires_at", nullptr}};
  if (has_project) token["is_domain"] = false;
  if (has_project) token["project"] = {{"domain", kDomain}, {"id", state.project_id}, {"name", state.project_name}};
  if (scope.contains("domain")) token["domain"] = kDomain;
  if (has_project || scope.contains("domain")) {
    token["roles"].push_back({{"id", "role-member"}, {"name", "member"}});
    token["catalog"] = catalogue_of(state);
  }
  const std::string id = "gAAAAA-" + state.new_id();
  state.tokens[id] = has_project ? state.project_id : "";
  CloudAnswer answer = answer_with(201, {{"token", token}});
  answer.headers["X-Subject-Token"] = id;
  return answer;
}

}  // namespace

std::string keystone_operation(const CloudRequest& request) {
  std::string path;
  for (const std::string& part : request.parts) path += "/" + part;
  if (request.method == "GET" && (path == "/identity" || path == "/identity/v3")) return "GET " + path;
  return request.method == "POST" && path == "/identity/v3/auth/tokens" ? "POST /auth/tokens" : "";
}

CloudAnswer keystone_answer(CloudState& state, const CloudRequest& request) {
  json version = json::parse(R"({"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
    "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]})");
  version["links"].push_back({{"rel", "self"}, {"href", state.url + "/identity/v3/"}});
  if (request.operation == "GET /identity") return answer_with(300, {{"versions", {{"values", json::array({version})}}}});
  if (request.operation == "GET /identity/v3") return answer_with(200, {{"version", version}});
  if (request.operation.empty()) return refusal(404, "Not Found", "The resource could not be found.");
  try {
    return issue(state, json::parse(request.body).at("auth"));
  } catch (const json::exception& error) {
    return refusal(400, "Bad Request", std::string("Expecting to find what is missing in auth: ") + error.what());
  }
}

}  // namespace blockplug::test
