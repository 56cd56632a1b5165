// SPDX-License-Identifier: Apache-2.0
#pragma once
// One Ceph cluster as one user: the connection that everything of ours in this process shares, made when first needed and made
// again when it was lost for good. Every call ends within seconds, so that it is never QEMU's main loop that waits for a dead
// monitor or a wrong key.
//
// Made by the composition root, one per cluster and user; thread-safe; blocks, so never on the core thread. librados is behind
// ceph/connection.h, which only .cc files of this folder include.
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "attach-detach/outcome.h"
#include "ceph/key.h"

namespace blockplug::rbd {

struct ClusterOptions {
  std::string conf;                                  // a ceph.conf; may be empty where `monitors` are said
  std::string user;                                  // "blockplug" is client.blockplug
  std::string keyring{};                             // empty: where Ceph looks for one
  std::vector<std::string> monitors{};               // "192.0.2.2:3300"; empty: as in the conf
  std::chrono::milliseconds osd_op_timeout{10'000};  // of our own operations; never endless, zero counts as the default
  std::string state_dir{};                           // of this daemon, which tells it from another of its name on this host
};

struct Monitor {
  std::string host, port;
  bool operator==(const Monitor&) const = default;
};

class Connection;

class Cluster {
 public:
  explicit Cluster(ClusterOptions options);
  ~Cluster();

  // PermissionDenied: the cluster refuses this user or key. Unavailable: no monitor answers. NotFound: no conf, or no key.
  Result<std::shared_ptr<Connection>> connect();

  Result<std::string> fsid();
  Result<std::vector<Monitor>> monitors();  // of the monitor map: one address each, v2 where it has one
  // Their v1 addresses, for kernels that know only that protocol; none where there are none.
  Result<std::vector<Monitor>> legacy_monitors();
  Result<Key> key();               // as in the keyring now
  Result<std::string> keyrings();  // where that is looked for: paths, separated by commas
  const std::string& user() const { return options_.user; }

 private:
  Result<std::shared_ptr<Connection>> make_connection() const;
  Result<std::string> monitor_map();  // JSON

  const ClusterOptions options_;
  std::mutex mutex_;  // guards what follows, and lets one thread connect at a time
  std::shared_ptr<Connection> connection_;
  std::optional<Error> failure_;
  Time failed_{};
};

}  // namespace blockplug::rbd
