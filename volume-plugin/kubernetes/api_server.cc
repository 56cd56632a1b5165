// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/kubernetes/api_server.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attach-detach/printable.h"
#include "cinder/http.h"

namespace blockplug::kubernetes {
namespace {

// Of a service account's file: one line. It goes into a header.
Result<std::string> read_token(const std::string& path) {
  constexpr std::size_t kMost = 16 << 10;
  std::ifstream file(path);
  std::string token(kMost, '\0');
  file.read(token.data(), kMost);
  token.resize(static_cast<std::size_t>(file.gcount()));
  while (!token.empty() && token.back() == '\n') token.pop_back();
  const auto is_fit = [](unsigned char c) { return c > ' ' && c < 0x7f; };
  if (token.empty() || !std::ranges::all_of(token, is_fit))
    return no_effect(Code::FailedPrecondition,
                     path +
                         " has no token: it is where a pod finds the token of its service account, unless "
                         "automountServiceAccountToken is false");
  return token;
}

Result<bool> has_taint(const std::string& body) {
  const auto node = nlohmann::json::parse(body, nullptr, false);
  if (!node.is_object() || node.value("kind", nlohmann::json()) != "Node" || !node.contains("spec") || !node["spec"].is_object())
    return no_effect(Code::Unavailable, "its answer is not a node");
  const auto taints = node["spec"].value("taints", nlohmann::json::array());
  return std::ranges::any_of(
      taints, [](const auto& taint) { return taint.is_object() && taint.value("key", nlohmann::json()) == kOutOfServiceTaint; });
}

// Names of nodes are DNS names.
bool is_node_name(const std::string& text) {
  constexpr std::size_t kMost = 253;
  return !text.empty() && text.size() <= kMost && text.front() != '.' &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; });
}

}  // namespace

Result<std::string> url_of_pod() {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || port == nullptr)
    return no_effect(Code::FailedPrecondition,
                     "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a container of Kubernetes");
  const std::string address = host;
  const bool is_v6 = address.find(':') != std::string::npos;
  return "https://" + (is_v6 ? "[" + address + "]" : address) + ":" + port;
}

ApiServer::ApiServer(Access access)
    : access_(std::move(access)),
      http_(std::make_unique<cinder::Http>(
          cinder::TlsOptions{.ca_file = access_.ca_file, .client_cert_file = {}, .client_key_file = {}})) {}
ApiServer::~ApiServer() = default;

Result<bool> ApiServer::is_out_of_service(const std::string& node, Time deadline) {
  if (!is_node_name(node)) return no_effect(Code::NotFound, "'" + printable(node) + "' is not a node's name");
  const auto token = TRY(read_token(access_.token_file));
  cinder::HttpRequest request{.method = "GET", .url = access_.url + "/api/v1/nodes/" + node, .deadline = deadline};
  request.headers = {{"Authorization", "Bearer " + token}, {"Accept", "application/json"}};
  const auto where = "the API server at " + access_.url;
  const auto answer = http_->send(request);
  if (!answer.ok()) return within(where, answer.error());
  switch (answer->status) {
    case 200: {
      auto has = has_taint(answer->body);
      return has.ok() ? has : within(where, has.error());
    }
    case 401: return no_effect(Code::PermissionDenied, where + " does not accept the token in " + access_.token_file);
    case 403:
      return no_effect(Code::PermissionDenied,
                       where + " does not let this service account read nodes: it needs the verb get on the resource nodes");
    case 404: return no_effect(Code::NotFound, where + " has no node " + node);
    default: return no_effect(Code::Unavailable, where + " answers with status " + std::to_string(answer->status));
  }
}

}  // namespace blockplug::kubernetes
