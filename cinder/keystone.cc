// SPDX-License-Identifier: Apache-2.0
#include "cinder/keystone.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "attach-detach/printable.h"
#include "cinder/answers.h"
#include "cinder/refusal.h"

namespace blockplug::cinder {
namespace {
using Json = nlohmann::json;

std::string without_end(std::string text, std::string_view end) {
  if (text.ends_with(end)) text.resize(text.size() - end.size());
  return text;
}

std::string without_slashes(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

Json named(const Named& thing) { return thing.id.empty() ? Json{{"name", thing.name}} : Json{{"id", thing.id}}; }

// A name is one only within a domain.
Json in_domain(const Named& thing, const Named& domain) {
  auto json = named(thing);
  if (thing.id.empty() && !domain.empty()) json["domain"] = named(domain);
  return json;
}

Json identity_of(const Credentials& credentials) {
  switch (credentials.kind) {
    case AuthKind::Password: {
      auto user = in_domain(credentials.user, credentials.user_domain);
      user["password"] = credentials.password.reveal();
      return {{"methods", {"password"}}, {"password", {{"user", std::move(user)}}}};
    }
    case AuthKind::ApplicationCredential: {
      auto credential = named(credentials.application_credential);
      credential["secret"] = credentials.application_credential_secret.reveal();
      if (credentials.application_credential.id.empty()) credential["user"] = in_domain(credentials.user, credentials.user_domain);
      return {{"methods", {"application_credential"}}, {"application_credential", std::move(credential)}};
    }
    case AuthKind::Token: return {{"methods", {"token"}}, {"token", {{"id", credentials.token.reveal()}}}};
    case AuthKind::None: break;
  }
  return Json::object();
}

// An override may leave the project's id open: "https://h:8776/v3/%(project_id)s".
std::string with_project(std::string url, const std::string& project) {
  for (const std::string_view open : {"%(project_id)s", "$(project_id)s", "%(tenant_id)s", "$(tenant_id)s"})
    if (const auto at = url.find(open); at != std::string::npos) url.replace(at, open.size(), project);
  return url;
}

std::string listed(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (const auto& each : endpoints) {
    const auto one = each.service_type + " " + each.interface + " in " + (each.region.empty() ? "no region" : each.region);
    if (text.find(one) == std::string::npos) text += (text.empty() ? "" : ", ") + one;
  }
  return text.empty() ? "none" : text;
}

// "http://h/v3/<project>" → "http://h/v3". The version document's own links are not followed: behind a proxy they lead elsewhere.
std::string root_of(const std::string& endpoint, const std::string& project) {
  const auto slash = endpoint.rfind('/');
  const auto last = slash == std::string::npos ? std::string{} : endpoint.substr(slash + 1);
  const bool is_project = !project.empty() && (last == project || last == "AUTH_" + project);
  return is_project ? endpoint.substr(0, slash) : endpoint;
}

// Calls that only read, and whose answer is 2xx; a version document may also come with 300.
Result<std::string> read(Http& http, const std::string& url, const Secret& token, const Patience& patience) {
  constexpr int kMultipleChoices = 300;
  HttpRequest request{.method = "GET", .url = url, .deadline = patience.deadline, .stop = patience.stop};
  request.headers["Accept"] = "application/json";
  if (!token.empty()) request.headers["X-Auth-Token"] = token.reveal();
  const auto answer = TRY(http.send(request));
  if (answer.status > kMultipleChoices || answer.status < 200) return refusal(answer, "GET " + url, Sends::Nothing);
  return answer.body;
}

Result<Microversion> agreed_version(Http& http, const Login& login, const Patience& patience) {
  const auto url = root_of(login.endpoint, login.token.project_id) + "/";
  const auto body = TRY(read(http, url, login.token.id, patience));
  const auto newest = newest_microversion(body);
  if (!newest.ok()) {
    const auto reason = reason_in(body);
    return no_effect(Code::Unavailable, "GET " + url + ": is not Cinder's version document: " + newest.error().message +
                                            (reason.empty() ? "" : " (" + reason + ")") +
                                            "; check the endpoint in the catalogue, or set volume_endpoint_override");
  }
  if (*newest < kLeastVersion)
    return no_effect(Code::FailedPrecondition, url + " offers the volume API up to " + to_text(*newest) + ", but " +
                                                   to_text(kLeastVersion) + " (OpenStack Queens) is needed");
  return std::min(*newest, kAccessModeVersion);
}

Result<Token> token_of(Http& http, const Credentials& credentials, const Patience& patience) {
  const auto url = tokens_url(credentials.auth_url);
  const auto what = credentials.source + ": log in at " + url;
  const auto answer = TRY(http.send({.method = "POST",
                                     .url = url,
                                     .headers = {{"Accept", "application/json"}},
                                     .body = token_request(credentials),
                                     .deadline = patience.deadline,
                                     .stop = patience.stop}));
  if (answer.status / 100 != 2) return refusal(answer, what, Sends::Nothing);
  const auto id = answer.headers.find("x-subject-token");
  if (id == answer.headers.end())
    return no_effect(Code::Unavailable, what + ": the answer has no token" +
                                            (reason_in(answer.body).empty() ? "" : " (" + reason_in(answer.body) + ")") +
                                            "; check that auth_url is Keystone's");
  auto token = token_from(answer.body, Secret(id->second));
  if (!token.ok()) return unreadable(token.error(), what, Sends::Nothing);
  return token;
}

// Cinder's own noauth takes "user:project" for a token.
Token token_without_keystone(const Credentials& credentials) {
  Token token;
  token.project_id = credentials.project.id;
  token.id = Secret((credentials.user.name.empty() ? "blockplug" : credentials.user.name) + ":" + credentials.project.id);
  token.expires = WallClock::time_point::max();
  return token;
}
}  // namespace

std::string tokens_url(const std::string& auth_url) {
  auto url = without_slashes(auth_url);
  url = without_slashes(without_end(url, "/auth/tokens"));
  if (!url.ends_with("/v3")) url += "/v3";
  return url + "/auth/tokens";
}

std::string token_request(const Credentials& credentials) {
  Json auth{{"identity", identity_of(credentials)}};
  const bool has_own_scope = credentials.kind == AuthKind::ApplicationCredential;
  if (!has_own_scope && !credentials.project.empty())
    auth["scope"] = {{"project", in_domain(credentials.project, credentials.project_domain)}};
  else if (!has_own_scope && !credentials.domain.empty())
    auth["scope"] = {{"domain", named(credentials.domain)}};
  return Json{{"auth", std::move(auth)}}.dump();
}

Result<std::string> volume_endpoint(const Credentials& credentials, const Token& token) {
  if (!credentials.volume_endpoint.empty()) return without_slashes(with_project(credentials.volume_endpoint, token.project_id));
  constexpr std::array kTypes{"block-storage", "volumev3"};
  std::vector<Endpoint> ours;
  for (const auto& each : token.endpoints)
    if (std::ranges::find(kTypes, each.service_type) != kTypes.end()) ours.push_back(each);
  const auto there_is = "; it has: " + listed(ours);
  std::vector<Endpoint> fitting;
  for (const auto& each : ours)
    if (each.interface == credentials.interface && (credentials.region.empty() || each.region == credentials.region))
      fitting.push_back(each);
  if (fitting.empty())
    return no_effect(Code::NotFound, credentials.source + ": the catalogue has no block storage service (volumev3) with a " +
                                         credentials.interface + " endpoint" +
                                         (credentials.region.empty() ? "" : " in region '" + printable(credentials.region) + "'") +
                                         there_is);
  for (const auto& each : fitting)
    if (each.region != fitting.front().region)
      return no_effect(Code::FailedPrecondition,
                       credentials.source + ": several regions have a block storage service: set region_name" + there_is);
  return without_slashes(fitting.front().url);
}

Result<std::shared_ptr<const Login>> log_in(const Credentials& credentials, const Patience& patience) {
  auto login = std::make_shared<Login>();
  login->credentials = credentials;
  login->http = std::make_shared<Http>(TlsOptions{.ca_file = credentials.ca_file,
                                                  .client_cert_file = credentials.client_cert_file,
                                                  .client_key_file = credentials.client_key_file,
                                                  .is_verified = credentials.is_verified});
  login->token =
      credentials.kind == AuthKind::None ? token_without_keystone(credentials) : TRY(token_of(*login->http, credentials, patience));
  login->endpoint = TRY(volume_endpoint(credentials, login->token));
  login->version = TRY(agreed_version(*login->http, *login, patience));
  return std::shared_ptr<const Login>(login);
}

}  // namespace blockplug::cinder
