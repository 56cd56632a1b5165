// SPDX-License-Identifier: Apache-2.0
#pragma once
// One Ceph cluster, accessed as one user: the connection that this process shares, made when first needed and again after it is
// permanently lost. Every call ends within seconds, so that a dead monitor or a wrong key is found here and not in QEMU's main
// loop.
//
// Made by the composition root, one per cluster and user; thread-safe; blocks, so never use it on the core thread. librados is
// behind ceph/connection.h, which only .cc files of this folder include.
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
  std::string conf;                                  // a ceph.conf; may be empty if `monitors` is set
  std::string user;                                  // "blockplug" is client.blockplug
  std::string keyring{};                             // empty: Ceph's default places
  std::vector<std::string> monitors{};               // "192.0.2.2:3300"; empty: as in the conf
  std::chrono::milliseconds osd_op_timeout{10'000};  // of this daemon's operations; never unlimited, 0 means the default
  std::string state_dir{};                           // of this daemon; tells apart two daemons of one name on one host
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
  Result<std::vector<Monitor>> monitors();  // from the monitor map: one address each, v2 if it has one
  // Their v1 addresses, for kernels that support only that protocol; may be empty.
  Result<std::vector<Monitor>> legacy_monitors();
  Result<Key> key();               // read from the keyring now
  Result<std::string> keyrings();  // paths of the keyrings, separated by commas
  const std::string& user() const { return options_.user; }

 private:
  Result<std::shared_ptr<Connection>> make_connection() const;
  Result<std::string> monitor_map();  // JSON

  const ClusterOptions options_;
  std::mutex mutex_;  // guards the members below, and lets one thread connect at a time
  std::shared_ptr<Connection> connection_;
  std::optional<Error> failure_;
  Time failed_{};
};

}  // namespace blockplug::rbd
