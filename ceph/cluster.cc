// SPDX-License-Identifier: Apache-2.0
#include "ceph/cluster.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "attach-detach/joined.h"
#include "ceph/connection.h"

namespace blockplug::rbd {
namespace {
constexpr std::chrono::seconds kConnectLimit{5};
constexpr std::chrono::milliseconds kOperationLimit{10'000};

std::string setting(librados::Rados& rados, const char* name) {
  std::string value;
  return rados.conf_get(name, value) < 0 ? std::string{} : value;
}

// Settings that override the conf: time limits, and no log files.
Status configure(librados::Rados& rados, const ClusterOptions& options) {
  if (!options.conf.empty()) {
    const int read = rados.conf_read_file(options.conf.c_str());
    if (read < 0)
      return no_effect(read == -ENOENT ? Code::NotFound : Code::InvalidArgument,
                       "cannot read " + options.conf + ": " + std::strerror(-read) + "; set `conf` in the backend's configuration");
  }
  const auto limit = options.osd_op_timeout.count() > 0 ? options.osd_op_timeout : kOperationLimit;
  const std::string seconds = std::to_string(kConnectLimit.count());
  std::vector<std::pair<const char*, std::string>> settings{
      {"client_mount_timeout", seconds},
      {"rados_mon_op_timeout", seconds},
      {"rados_osd_op_timeout", std::to_string(std::chrono::ceil<std::chrono::seconds>(limit).count())},
      {"log_file", ""},
      {"log_to_file", "false"},
      {"log_to_stderr", "false"},
      {"err_to_stderr", "false"},
      {"log_to_syslog", "false"},
      {"err_to_syslog", "false"},
      {"log_to_graylog", "false"},
      {"admin_socket", ""}};
  if (!options.monitors.empty()) settings.emplace_back("mon_host", joined(options.monitors));
  if (!options.keyring.empty()) settings.emplace_back("keyring", options.keyring);
  for (const auto& [name, value] : settings)
    if (rados.conf_set(name, value.c_str()) < 0)
      return no_effect(Code::InvalidArgument, std::string{"librados does not accept '"} + value + "' for " + name);
  return Ok{};
}

Error to_connect_error(int answer, librados::Rados& rados, const ClusterOptions& options) {
  const auto who = "client." + options.user;
  const auto monitors = setting(rados, "mon_host");
  switch (-answer) {
    case EACCES:
    case EPERM:
      return no_effect(Code::PermissionDenied, "the cluster at " + monitors + " refuses user " + who + ": check its key in " +
                                                   setting(rados, "keyring") + " against `ceph auth get " + who + "`");
    case ESHUTDOWN:
      return no_effect(Code::PermissionDenied,
                       "the cluster at " + monitors + " has blocklisted this host: see `ceph osd blocklist ls`");
    case EIO:  // not a valid keyring
    case EINVAL:
      return no_effect(Code::PermissionDenied, "the key of " + who + " in " + setting(rados, "keyring") +
                                                   " is not valid: it must be base64 "
                                                   "as printed by `ceph auth get`");
    case ETIMEDOUT:
      return no_effect(Code::Unavailable, "no monitor answers at " + monitors + " within " + std::to_string(kConnectLimit.count()) +
                                              " s: check that the monitors are up and that the network is reachable");
    default: return no_effect(Code::Unavailable, "cannot connect to the cluster at " + monitors + ": " + std::strerror(-answer));
  }
}
enum class Protocol : std::uint8_t { Newest, Legacy };

// Newest: v2 if present, else v1. Legacy: v1 only.
Monitor address_of(const nlohmann::json& monitor, Protocol protocol) {
  std::string chosen;
  for (const auto& address : monitor.at("public_addrs").at("addrvec")) {
    const bool is_legacy = address.at("type") == "v1";
    const bool is_better = protocol == Protocol::Legacy ? is_legacy : chosen.empty() || !is_legacy;
    if (is_better) chosen = address.at("addr").get<std::string>();
  }
  const auto colon = chosen.rfind(':');
  if (colon == std::string::npos) return {};
  auto host = chosen.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {std::move(host), chosen.substr(colon + 1)};
}

std::vector<Monitor> monitors_in(const std::string& map, Protocol protocol) {
  std::vector<Monitor> monitors;
  try {
    const auto parsed = nlohmann::json::parse(map);
    for (const auto& monitor : parsed.at("mons"))
      if (auto address = address_of(monitor, protocol); !address.host.empty()) monitors.push_back(std::move(address));
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return monitors;
}
}  // namespace

Cluster::Cluster(ClusterOptions options) : options_(std::move(options)) {}
Cluster::~Cluster() = default;

Result<std::shared_ptr<Connection>> Cluster::connect() {
  const auto asked = Clock::now();
  const std::lock_guard guard{mutex_};
  if (connection_ && !connection_->is_lost()) return connection_;
  // Callers that waited for another caller's attempt do not repeat it.
  if (failure_ && failed_ >= asked) return *failure_;
  auto made = make_connection();
  failure_ = made.ok() ? std::nullopt : std::optional{made.error()};
  failed_ = Clock::now();
  connection_ = made.ok() ? *made : nullptr;
  return made;
}

Result<std::shared_ptr<Connection>> Cluster::make_connection() const {
  auto rados = std::make_unique<librados::Rados>();
  const auto name = "client." + options_.user;
  if (const int made = rados->init2(name.c_str(), "ceph", 0); made < 0)
    return no_effect(Code::Internal, std::string{"librados does not start: "} + std::strerror(-made));
  TRY(configure(*rados, options_));
  if (setting(*rados, "mon_host").empty())
    return no_effect(Code::InvalidArgument, "no monitors are configured: set mon_host in " + options_.conf +
                                                ", or `monitors` in the backend's configuration");
  TRY(key_from_keyrings(setting(*rados, "keyring"), options_.user));
  if (const int connected = rados->connect(); connected < 0) return to_connect_error(connected, *rados, options_);
  std::string fsid;
  if (const int asked = rados->cluster_fsid(&fsid); asked < 0) return to_connect_error(asked, *rados, options_);
  return std::make_shared<Connection>(std::move(rados), std::move(fsid), options_.user, options_.state_dir);
}

Result<std::string> Cluster::fsid() { return TRY(connect())->fsid(); }

Result<std::string> Cluster::monitor_map() {
  return TRY(connect())->command(R"({"prefix":"mon dump","format":"json"})", "read the monitor map", Effect::None);
}

Result<std::vector<Monitor>> Cluster::legacy_monitors() { return monitors_in(TRY(monitor_map()), Protocol::Legacy); }

Result<std::vector<Monitor>> Cluster::monitors() {
  auto monitors = monitors_in(TRY(monitor_map()), Protocol::Newest);
  if (monitors.empty()) return no_effect(Code::Internal, "the monitor map has no usable address");
  return monitors;
}

// The file is read each time, because a key may be replaced.
Result<Key> Cluster::key() { return key_from_keyrings(TRY(keyrings()), options_.user); }
Result<std::string> Cluster::keyrings() { return TRY(connect())->setting("keyring"); }

}  // namespace blockplug::rbd
