// SPDX-License-Identifier: Apache-2.0
#include "cinder/answers_connection.h"

#include <arpa/inet.h>

#include <nlohmann/json.hpp>

#include "attach-detach/number.h"

namespace blockplug::cinder {
namespace {

// Of a pool, an image or a user.
bool is_word(const std::string& text) { return is_id(text) && !text.starts_with('-'); }

// "host:port", or "[host]:port" of an IPv6 address, which may already be in brackets.
std::optional<std::string> monitor_at(std::string host, const std::string& port) {
  const auto number = number_from<std::uint16_t>(port);
  if (!number || *number == 0) return std::nullopt;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  in6_addr ignored{};
  const auto suffix = ":" + std::to_string(*number);
  if (::inet_pton(AF_INET6, host.c_str(), &ignored) == 1) return "[" + host + "]" + suffix;
  return is_word(host) ? std::optional(host + suffix) : std::nullopt;
}

Result<std::vector<std::string>> texts(const Json& json, const char* name) {
  std::vector<std::string> found;
  if (member(json, name) == nullptr) return found;
  for (const auto& each : *TRY((Needed{json, "connection_info"}.array(name)))) found.push_back(text_of(each));
  return found;
}

Result<std::vector<std::string>> monitors_in(const Json& json) {
  const auto hosts = TRY(texts(json, "hosts"));
  const auto ports = TRY(texts(json, "ports"));
  if (hosts.size() != ports.size())
    return data_loss("connection_info has " + std::to_string(hosts.size()) + " hosts and " + std::to_string(ports.size()) +
                     " ports");
  std::vector<std::string> monitors;
  for (std::size_t at = 0; at < hosts.size(); ++at) {
    const auto monitor = monitor_at(hosts[at], ports[at]);
    if (!monitor) return data_loss("connection_info has a monitor with an invalid host or port");
    monitors.push_back(*monitor);
  }
  return monitors;
}

Status read_rbd(const Json& json, ConnectionInfo& info) {
  const auto name = TRY((Needed{json, "connection_info"}.text("name")));
  const auto slash = name.find('/');
  if (slash != std::string::npos) {
    info.pool = name.substr(0, slash);
    info.image = name.substr(slash + 1);
  }
  if (!is_word(info.pool) || !is_word(info.image)) return data_loss("connection_info has a name that is not <pool>/<image>");
  info.monitors = TRY(monitors_in(json));
  info.user = text_in(json, "auth_username");
  if (!info.user.empty() && !is_word(info.user)) return data_loss("connection_info has an invalid auth_username");
  info.cluster_id = text_in(json, "secret_uuid");
  if (!info.cluster_id.empty() && !is_word(info.cluster_id)) return data_loss("connection_info has an invalid secret_uuid");
  return Ok{};
}

}  // namespace

Result<std::optional<ConnectionInfo>> connection_in(const Json& attachment) {
  const auto* whole = member(attachment, "connection_info");
  if (whole == nullptr || (whole->is_object() && whole->empty())) return std::optional<ConnectionInfo>{};
  ConnectionInfo info;
  info.driver = TRY((Needed{*whole, "connection_info"}.text("driver_volume_type")));
  const auto* data = member(*whole, "data");
  const Json& json = data != nullptr && data->is_object() ? *data : *whole;
  if (info.driver == "rbd") TRY(read_rbd(json, info));
  info.access_mode = text_in(json, "access_mode");
  if (!info.access_mode.empty() && info.access_mode != "rw" && info.access_mode != "ro")
    return data_loss("connection_info has an access_mode that is neither rw nor ro");
  info.is_encrypted = flag_in(json, "encrypted");
  info.qos = texts_in(json, "qos_specs");
  return std::optional(std::move(info));
}

}  // namespace blockplug::cinder
