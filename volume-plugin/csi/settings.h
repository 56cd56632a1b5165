// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the CSI services know of this daemon, and the parts that they use. Values and references; the parts outlive the services.
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "volume-plugin/door/door.h"

namespace blockplug::csi {

struct Settings {
  std::string driver;  // GetPluginInfo's name: "csi.blockplug.dev"
  std::string version;
  std::string node;         // the CSI node id; in a cluster the Kubernetes node's name
  std::string kubelet_dir;  // staging and target paths are below it
  std::string vm_id;        // of the VM that a pod is in: "{pod.uid}", with {pod.name} and {pod.namespace} too
  bool has_controller{}, has_node{};

  // Volumes that only one node has are found by it: "csi.blockplug.dev/node".
  std::string topology_key() const { return driver + "/node"; }
};

// One ended call, for the log: "NodeStageVolume local/data: OK (12 ms)". Core thread, or a thread of gRPC.
struct CallEnd {
  std::string operation, text;
  std::string method;         // "NodeStageVolume"
  std::optional<Code> error;  // none: it succeeded
  std::chrono::milliseconds took{};
};

// Has somebody said that this node is out of service? NotFound: the cluster has no such node. Blocks; thread-safe.
using OutOfService = std::function<Result<bool>(const std::string& node, Time deadline)>;

struct Parts {
  Door& door;
  VolumeManager& manager;
  Runner& runner;
  Settings settings;
  std::function<void(const CallEnd&)> on_end{};
  OutOfService out_of_service{};  // empty: nobody can be asked
};

}  // namespace blockplug::csi
