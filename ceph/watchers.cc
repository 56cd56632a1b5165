// SPDX-License-Identifier: Apache-2.0
#include "ceph/watchers.h"

#include <algorithm>
#include <rbd/librbd.hpp>

#include "attach-detach/joined.h"
#include "ceph/connection.h"
#include "ceph/hold_update.h"

namespace blockplug::rbd {
namespace {
bool is_unknown(const Client& client) { return client.address.empty(); }
}  // namespace

std::string foreign_watchers(const Connection& connection, const Header& header, const HoldRecord& record, const Holder& ours,
                             bool may_be_ours) {
  std::vector<std::string> foreign;
  const auto own = connection.own_address();
  // Another reader may be about to open the image: its watcher, on its host, is not known yet.
  const auto may_be_a_readers = [&](const std::string& address) {
    return std::ranges::any_of(record.holders, [&](const Holder& holder) {
      return !(holder == ours) && holder.may_be_opening && (holder.host.empty() || holder.host == host_of(address));
    });
  };
  for (const auto& address : header.watchers) {
    if (address == own || is_client_of(record, address) || may_be_a_readers(address)) continue;
    if (may_be_ours && host_of(address) == host_of(own)) continue;
    foreign.push_back(address);
  }
  return joined(foreign);
}

std::string watching_dead_clients(const Header& header, const Holder& ours) {
  std::vector<std::string> dead;
  for (const auto& client : ours.clients)
    if (is_proven_dead(ours, client) && std::ranges::count(header.watchers, client.address) > 0) dead.push_back(client.address);
  return joined(dead);
}

std::string watching_clients(const Connection& connection, const Header& header, const HoldRecord& record, const Holder& ours) {
  std::vector<std::string> watching;
  for (const auto& client : ours.clients)
    if (std::ranges::count(header.watchers, client.address) > 0) watching.push_back(client.address);
  if (ours.may_be_opening || std::ranges::any_of(ours.clients, is_unknown))
    for (const auto& address : unnamed_watchers_here(connection, header, record)) watching.push_back(address);
  return joined(watching);
}

std::vector<std::string> unnamed_watchers_here(const Connection& connection, const Header& header, const HoldRecord& record) {
  std::vector<std::string> here;
  const auto own = connection.own_address();
  for (const auto& address : header.watchers)
    if (address != own && host_of(address) == host_of(own) && !is_client_of(record, address)) here.push_back(address);
  return here;
}

std::map<std::string, std::string> images_of(Pool& pool) {
  std::vector<librbd::image_spec_t> listed;
  std::map<std::string, std::string> images;
  if (librbd::RBD{}.list2(pool.io, &listed) < 0) return images;
  for (const auto& image : listed) images.emplace(image.name, image.id);
  return images;
}

}  // namespace blockplug::rbd
