// SPDX-License-Identifier: Apache-2.0
#include "ceph/connection.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <rbd/librbd.hpp>

namespace blockplug::rbd {
namespace {
constexpr std::chrono::seconds kFullIsKnownFor{10};
constexpr std::chrono::seconds kMonitorsAreLeftAloneFor{60};  // where they did not answer: it delays who asks

constexpr const char* kNoSpace = "delete what is not needed, or add OSDs (`ceph df` shows what it has)";
constexpr const char* kQuotaReached = "delete what is not needed, or raise its quota (`ceph osd pool set-quota`)";

// Of `ceph osd pool ls detail`: names of full pools, each with why and what to do.
std::map<std::string, std::string> full_pools_in(const std::string& listed) {
  std::map<std::string, std::string> full;
  try {
    for (const auto& pool : nlohmann::json::parse(listed)) {
      const auto name = pool.at("pool_name").get<std::string>();
      const auto flags = "," + pool.at("flags_names").get<std::string>() + ",";
      // A pool that has reached its quota has both flags.
      if (flags.find(",full_quota,") != std::string::npos)
        full[name] = "pool '" + name + "' has reached its quota: " + kQuotaReached;
      else if (flags.find(",full,") != std::string::npos)
        full[name] = "pool '" + name + "' is full: " + kNoSpace;
    }
  } catch (const nlohmann::json::exception&) {
    return {};
  }
  return full;
}
}  // namespace

Result<Pool> open_pool(Cluster& cluster, const Place& place) { return TRY(cluster.connect())->pool(place.pool, place.name_space); }

Result<Pool> open_pool(Cluster& cluster, const ImageRef& image) {
  return TRY(cluster.connect())->pool(image.pool, image.name_space);
}

Result<Pool> Connection::pool(const std::string& name, const std::string& name_space) {
  auto pool = TRY(known_pool(name, {}));
  pool.name_space = name_space;
  if (name_space.empty()) return pool;
  {
    const std::lock_guard guard{mutex_};
    if (namespaces_.contains({name, name_space})) {
      pool.io.set_namespace(name_space);
      return pool;
    }
  }
  bool exists = false;
  const int asked = librbd::RBD{}.namespace_exists(pool.io, name_space.c_str(), &exists);
  if (asked < 0) return error(asked, "look for namespace '" + name_space + "' in pool '" + name + "'", Effect::None);
  if (!exists)
    return no_effect(Code::NotFound, "pool '" + name + "' has no namespace '" + name_space +
                                         "': create it with `rbd namespace create " + name + "/" + name_space + "`");
  const std::lock_guard guard{mutex_};
  namespaces_.emplace(name, name_space);
  pool.io.set_namespace(name_space);
  return pool;
}

Result<Pool> Connection::known_pool(const std::string& name, const std::string& name_space) {
  Pool pool{shared_from_this(), {}, name, name_space};
  const int opened = rados_->ioctx_create(name.c_str(), pool.io);
  if (opened == -ENOENT) return no_effect(Code::NotFound, "the cluster has no pool '" + name + "'");
  if (opened < 0) return error(opened, "open pool '" + name + "'", Effect::None);
  pool.io.set_namespace(name_space);
  // In a full pool, what takes no space (a hold, a delete) is done and the rest refused; without this, each write would wait for
  // space, deletes too.
  pool.io.set_pool_full_try();
  return pool;
}

// Who comes while another one asks gets what was known, or waits for that where nothing was yet.
std::string Connection::why_full(const std::string& pool) {
  const auto known = [&] {
    const auto found = full_pools_.find(pool);
    return found == full_pools_.end() ? std::string{} : found->second;
  };
  std::unique_lock first{full_pools_mutex_, std::defer_lock};
  {
    std::unique_lock lock{mutex_};
    if (ask_for_full_pools_at_ == Time{}) {
      lock.unlock();
      first.lock();
      lock.lock();
    }
    if (Clock::now() < ask_for_full_pools_at_) return known();
    if (!first.owns_lock()) ask_for_full_pools_at_ = Clock::now() + kFullIsKnownFor;
  }
  const auto listed =
      command(R"({"prefix":"osd pool ls","detail":"detail","format":"json"})", "ask which pools are full", Effect::None);
  const std::lock_guard guard{mutex_};
  ask_for_full_pools_at_ = Clock::now() + (listed.ok() ? kFullIsKnownFor : kMonitorsAreLeftAloneFor);
  if (listed.ok()) full_pools_ = full_pools_in(*listed);
  return known();
}

std::string Connection::own_address() const { return plain_address(rados_->get_addrs()); }

std::string Connection::setting(const char* name) const {
  std::string value;
  return rados_->conf_get(name, value) < 0 ? std::string{} : value;
}

Result<std::string> Connection::command(const std::string& json, const std::string& what, Effect effect) {
  librados::bufferlist in, out;
  std::string status;
  const int answer = rados_->mon_command(json, in, &out, &status);
  if (answer < 0) return error(answer, what, effect);
  return out.to_str();
}

Error Connection::error(int answer, const std::string& what, Effect effect) {
  const auto make = [&](Code code, const std::string& why) { return Error{code, effect, "cannot " + what + ": " + why}; };
  switch (-answer) {
    case ENOENT: return make(Code::NotFound, "it does not exist");
    case EACCES:
    case EPERM: return make(Code::PermissionDenied, "client." + user_ + " has no permission: check its capabilities");
    case ETIMEDOUT: return make(Code::Unavailable, "the cluster did not answer in time: check its OSDs and monitors");
    case ENOTCONN: is_lost_ = true; return make(Code::Unavailable, "the connection to the cluster is lost");
    case ESHUTDOWN:
      is_lost_ = true;
      return make(Code::Unavailable, "the cluster has blocklisted this daemon's connection; a new one will be made");
    case EEXIST: return make(Code::AlreadyExists, "it already exists");
    case EBUSY: return make(Code::FailedPrecondition, "it is in use");
    case EROFS: return make(Code::FailedPrecondition, "another client keeps the image's exclusive lock");
    case ENOSPC: return make(Code::ResourceExhausted, std::string{"the pool is full: "} + kNoSpace);
    case EDQUOT: return make(Code::ResourceExhausted, std::string{"the pool has reached its quota: "} + kQuotaReached);
    case EINVAL: return make(Code::InvalidArgument, "the cluster rejects it as invalid");
    default: return make(Code::Unknown, std::strerror(-answer));
  }
}

std::string host_of(std::string_view address) {
  const auto plain = plain_address(address);
  const auto colon = plain.rfind(':');
  return colon == std::string::npos ? plain : plain.substr(0, colon);
}

std::string plain_address(std::string_view address) {
  // "[v2:192.0.2.7:0/123,v1:192.0.2.7:0/123]": all addresses have the same host and nonce.
  if (address.starts_with("[v") || address.starts_with("[any:")) {
    address.remove_prefix(1);
    address = address.substr(0, address.find_first_of(",]", address.find('/')));
  }
  for (const std::string_view protocol : {"v1:", "v2:", "any:"})
    if (address.starts_with(protocol)) address.remove_prefix(protocol.size());
  return std::string{address};
}

}  // namespace blockplug::rbd
