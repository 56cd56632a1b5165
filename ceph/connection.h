// SPDX-License-Identifier: Apache-2.0
#pragma once
// Private to this folder's .cc files: librados behind Cluster. A connection lives as long as it is used.
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <rados/librados.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "ceph/cluster.h"
#include "ceph/image_ref.h"
#include "ceph/place.h"

namespace blockplug::rbd {

// A pool and a namespace in it, open.
struct Pool {
  std::shared_ptr<Connection> connection;  // first, so that it is destroyed last
  librados::IoCtx io;
  std::string name, name_space;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `rados` is connected.
  Connection(std::unique_ptr<librados::Rados> rados, std::string fsid, std::string user, std::string state_dir)
      : rados_(std::move(rados)), fsid_(std::move(fsid)), user_(std::move(user)), state_dir_(std::move(state_dir)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  librados::Rados& rados() { return *rados_; }
  const std::string& fsid() const { return fsid_; }
  const std::string& state_dir() const { return state_dir_; }
  std::string own_address() const;  // "192.0.2.7:0/1234567", as shown for our watchers
  bool is_lost() const { return is_lost_; }

  Result<Pool> pool(const std::string& name, const std::string& name_space);
  // The same where the namespace is known to have existed: nothing is asked that a dead placement group could delay.
  Result<Pool> known_pool(const std::string& name, const std::string& name_space);
  // Empty: not full, as the monitors said at most 10 s ago (see why_full of writable.h, which is what callers use).
  std::string why_full(const std::string& pool);
  std::string setting(const char* name) const;  // from the conf; empty: not set
  // Runs a monitor command; `json`: its arguments.
  Result<std::string> command(const std::string& json, const std::string& what, Effect effect);
  // Converts a negative errno of librados or librbd; `what` completes "cannot …". Remembers if the cluster has blocklisted this
  // connection: the next connect makes a new one.
  Error error(int answer, const std::string& what, Effect effect);

 private:
  const std::unique_ptr<librados::Rados> rados_;  // its destructor closes the connection
  const std::string fsid_, user_, state_dir_;
  std::atomic<bool> is_lost_{};
  std::mutex mutex_;                                          // guards the members below
  std::set<std::pair<std::string, std::string>> namespaces_;  // namespaces known to exist, with their pools
  std::map<std::string, std::string> full_pools_;             // with the reason
  Time ask_for_full_pools_at_{};                              // not before
  std::mutex full_pools_mutex_;                               // held by who asks for them the first time; before mutex_
};

Result<Pool> open_pool(Cluster& cluster, const Place& place);
Result<Pool> open_pool(Cluster& cluster, const ImageRef& image);

// An address as Ceph prints it, without the protocol: "v1:192.0.2.7:0/123" and "192.0.2.7:0/123" are the same client.
std::string plain_address(std::string_view address);
// "192.0.2.7" of "192.0.2.7:0/123".
std::string host_of(std::string_view address);

}  // namespace blockplug::rbd
