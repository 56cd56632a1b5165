// SPDX-License-Identifier: Apache-2.0
#include "volume-plugin/daemon/config.h"

#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "attach-detach/printable.h"
#include "volume-plugin/daemon/config_values.h"

namespace blockplug {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;

Result<std::string> read_file(const std::string& path) {
  const auto failed = [&](int error) {
    return no_effect(error == ENOENT   ? Code::NotFound
                     : error == EACCES ? Code::PermissionDenied
                                       : Code::InvalidArgument,
                     "configuration " + path + ": cannot be read: " + std::strerror(error));
  };
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed(errno == 0 ? EIO : errno);
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.gcount() == 0 && errno == EISDIR)) return failed(errno == 0 ? EIO : errno);
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMostBytes)
    return no_effect(Code::InvalidArgument, "configuration " + path + ": is larger than 1 MiB; check that this is the right file");
  return text;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

const char* to_text(Level level) {
  switch (level) {
    case Level::Debug: return "debug";
    case Level::Info: return "info";
    case Level::Warning: return "warning";
    case Level::Error: return "error";
  }
  return "?";
}

std::string limits_of(const std::vector<RungPlan>& rungs) {
  if (rungs.empty()) return {};
  std::string text = "# Time limits of each rung to raise, lower and probe. Not configurable:\n";
  for (const auto& plan : rungs)
    text += "#   " + std::string(blockplug::to_text(plan.kind)) + ": " + format_duration(plan.raise_limit) + ", " +
            format_duration(plan.lower_limit) + ", " + format_duration(plan.probe_limit) + "\n";
  return text;
}

void emit(YAML::Emitter& out, const BackendConfig& backend) {
  out << YAML::Key << "type" << YAML::Value << backend.type;
  for (const auto& [key, values] : backend.keys) {
    out << YAML::Key << key << YAML::Value;
    if (values.size() == 1)
      out << values.front();
    else
      out << YAML::DoubleQuoted << values;
  }
}

}  // namespace

const char* to_text(Role role) {
  switch (role) {
    case Role::All: return "all";
    case Role::Node: return "node";
    case Role::Controller: return "controller";
  }
  return "?";
}

Result<Config> default_config(const std::string& host) { return parse_config({}, "default", host); }

Result<Config> load_config(const std::optional<std::string>& given, const std::string& default_path,
                           const std::optional<std::string>& node) {
  if (node) {
    const auto checked = check_node_name(*node);
    if (!checked.ok()) return within("--node '" + printable(*node) + "'", checked.error());
  }
  const auto& path = given.value_or(default_path);
  auto text = read_file(path);
  const bool has_none = !text.ok() && !given && text.error().code == Code::NotFound;
  if (!text.ok() && !has_none) return std::move(text).error();
  const auto host = node.value_or(host_name());
  auto config = TRY(has_none ? default_config(host) : parse_config(*text, path, host));
  if (node) config.node = *node;
  return config;
}

std::string to_yaml(const Config& config, const std::vector<RungPlan>& rungs) {
  YAML::Emitter out;
  const auto put = [&](const char* key, const std::string& value) { out << YAML::Key << key << YAML::Value << value; };
  const auto begin = [&](const char* key) { out << YAML::Key << key << YAML::Value << YAML::Flow << YAML::BeginMap; };
  out << YAML::BeginMap;
  put("node", config.node);
  put("role", to_text(config.role));
  put("state_dir", config.state_dir);
  put("run_dir", config.run_dir);
  begin("csi");
  put("driver", config.csi.driver);
  put("endpoint", config.has_csi() ? "unix://" + config.csi.socket : "off");
  put("kubelet_dir", config.csi.kubelet_dir);
  put("vm_id", config.csi.vm_id);
  out << YAML::EndMap;
  begin("kubernetes");
  put("api_server", config.kubernetes.api_server);
  put("token_file", config.kubernetes.token_file);
  put("ca_file", config.kubernetes.ca_file);
  out << YAML::EndMap;
  begin("metrics");
  put("listen", config.metrics.listen);
  out << YAML::EndMap;
  begin("log");
  put("level", to_text(config.log.level));
  put("format", config.log.format == LogFormat::Json ? "json" : "text");
  out << YAML::EndMap;
  put("resync", format_duration(config.resync));
  begin("vms");
  out << YAML::Key << "sockets" << YAML::Value << YAML::DoubleQuoted << config.vms.sockets << YAML::EndMap;
  out << YAML::Key << "backends" << YAML::Value << YAML::BeginMap;
  for (const auto& [name, backend] : config.backends) {
    out << YAML::Key << name << YAML::Value << YAML::Flow << YAML::BeginMap;
    emit(out, backend);
    out << YAML::EndMap;
  }
  out << YAML::EndMap << YAML::EndMap;
  return std::string(out.c_str()) + "\n" + limits_of(rungs);
}

}  // namespace blockplug
