// SPDX-License-Identifier: Apache-2.0
#pragma once
// The daemon's configuration, from one YAML file. Read once, before anything else; values without behaviour.
//
// In a Config every value has been validated: paths are absolute, sockets fit into an address. All faults of a file come as one
// InvalidArgument whose message has a line per fault, "FILE:LINE: KEY: what is wrong; what to do". Nothing else is read: no
// environment, no second file.
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attach-detach/ladder.h"
#include "volume-plugin/daemon/backend_kind.h"
#include "volume-plugin/daemon/log.h"

namespace blockplug {

inline constexpr const char* kDefaultConfigPath = "/etc/blockplug/blockplugd.yaml";

// What it serves: this machine's VMs and paths, the cluster's volumes (create, delete, promise to nodes), or both.
enum class Role : std::uint8_t { All, Node, Controller };
const char* to_text(Role role);  // "all"
inline bool has_machine(Role role) { return role != Role::Controller; }

struct Config {
  struct Csi {
    std::string driver = "csi.blockplug.dev";
    std::string socket = "/run/blockplug/csi.sock";  // where none is given: csi.sock in run_dir; "off": none
    std::string kubelet_dir = "/var/lib/kubelet";
    std::string vm_id = "{pod.uid}";  // of the VM that a pod is in
    bool operator==(const Csi&) const = default;
  };
  // Where to ask whether a node is out of service; only a daemon with the controller's part of CSI does.
  struct Kubernetes {
    std::string api_server = "off";  // "pod": as a pod finds it; else "https://10.96.0.1:443"
    std::string token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    std::string ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
    bool operator==(const Kubernetes&) const = default;
  };
  struct Log {
    Level level = Level::Info;
    LogFormat format = LogFormat::Text;
    bool operator==(const Log&) const = default;
  };
  struct MetricsAt {
    std::string listen = "127.0.0.1:9808";  // on loopback, or "off"
    bool operator==(const MetricsAt&) const = default;
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
  Kubernetes kubernetes;
  MetricsAt metrics;
  Log log;
  std::chrono::milliseconds resync = std::chrono::minutes(5);
  Vms vms;
  std::map<std::string, BackendConfig> backends{{"local", {"local", {{"path", {"/var/lib/blockplug/volumes"}}}}}};

  std::string admin_socket() const { return run_dir + "/admin.sock"; }
  bool has_csi() const { return csi.socket != "off"; }
  std::string registration_socket() const { return csi.kubelet_dir + "/plugins_registry/" + csi.driver + "-reg.sock"; }
  bool operator==(const Config&) const = default;
};

// `file` is the file's name, for messages only. `host_name` is the node's name where the text gives none.
Result<Config> parse_config(std::string_view text, const std::string& file, const std::string& host_name,
                            const BackendKinds& kinds = backend_kinds());

// The defaults. InvalidArgument: the host name is not a valid node name.
Result<Config> default_config(const std::string& host_name);

// `given`: --config. That file must exist (NotFound). Without --config, the defaults apply if the default path is missing.
// `node`: --node, which counts instead of the file's.
Result<Config> load_config(const std::optional<std::string>& given, const std::string& default_path = kDefaultConfigPath,
                           const std::optional<std::string>& node = {});

// As YAML that parse_config reads back, with the limits of the rungs as comments.
std::string to_yaml(const Config& config, const std::vector<RungPlan>& rungs = {});

}  // namespace blockplug
