// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the daemon is told by its one YAML file. Read once, before anything else; values, no behaviour.
//
// Every value has been checked when a Config exists: paths are absolute, sockets fit into an address. What a file gets wrong is
// one InvalidArgument whose message has a line per fault, "FILE:LINE: KEY: what is wrong; what to do". Nothing is read elsewhere:
// no environment, no second file.
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "attach-detach/ladder.h"
#include "volume-plugin/daemon/log.h"

namespace blockplug {

inline constexpr const char* kDefaultConfigPath = "/etc/blockplug/blockplugd.yaml";

enum class Role : std::uint8_t { All };  // controller and node are not in this version yet

struct LocalBackendConfig {
  std::string path = "/var/lib/blockplug/volumes";
  bool operator==(const LocalBackendConfig&) const = default;
};
enum class MapperChoice : std::uint8_t { Auto, Krbd, Fuse };  // how images come onto the host; auto: the first that can
struct RbdBackendConfig {
  std::string conf = "/etc/ceph/ceph.conf";
  std::string user;                     // "blockplug" is client.blockplug
  std::string pool;
  std::string name_space{};             // empty: the pool's own
  std::string data_pool{};              // of new images; empty: the same pool
  std::string keyring{};                // empty: where Ceph looks for one
  std::vector<std::string> monitors{};  // "192.0.2.2:3300"; empty: as in the conf
  std::vector<std::string> features{};  // of new images, by Ceph's names; empty: rbd::kDefaultFeatures
  MapperChoice mapper{};
  std::chrono::milliseconds osd_op_timeout{0};  // of a guest's own reads and writes; 0: they wait for ever
  bool operator==(const RbdBackendConfig&) const = default;
};
using BackendConfig = std::variant<LocalBackendConfig, RbdBackendConfig>;  // cinder is not in this version yet

struct Config {
  struct Csi {
    std::string driver = "csi.blockplug.dev";
    std::string kubelet_dir = "/var/lib/kubelet";
    bool operator==(const Csi&) const = default;
  };
  struct Log {
    Level level = Level::Info;
    LogFormat format = LogFormat::Text;
    bool operator==(const Log&) const = default;
  };
  struct Vms {
    std::string sockets = "/run/vms/{vm}/qmp.sock";
    bool operator==(const Vms&) const = default;
  };

  std::string node;  // default: the host name
  Role role = Role::All;
  std::string state_dir = "/var/lib/blockplug";
  std::string run_dir = "/run/blockplug";
  Csi csi;
  // metrics.listen: only "off" until the endpoint is there; then 127.0.0.1:9808 is its default (design, 5).
  Log log;
  std::chrono::milliseconds resync = std::chrono::minutes(5);
  Vms vms;
  std::map<std::string, BackendConfig> backends{{"local", LocalBackendConfig{}}};

  std::string admin_socket() const { return run_dir + "/admin.sock"; }
  std::string csi_socket() const { return run_dir + "/csi.sock"; }
  bool operator==(const Config&) const = default;
};

// `file` is only its name, for messages. `host_name` is the node where the text names none.
Result<Config> parse_config(std::string_view text, const std::string& file, const std::string& host_name);

// Nothing is said: the defaults. InvalidArgument: the host name cannot name a node.
Result<Config> default_config(const std::string& host_name);

// `given`: --config. That file must be there (NotFound); without it the default path may be missing, and the defaults hold.
Result<Config> load_config(const std::optional<std::string>& given, const std::string& default_path = kDefaultConfigPath);

// As YAML that parse_config reads back, with the limits of the rungs as comments.
std::string to_yaml(const Config& config, const std::vector<RungPlan>& rungs = {});

}  // namespace blockplug
