// SPDX-License-Identifier: Apache-2.0
#include "ceph/own.h"

#include <algorithm>

#include "ceph/arguments.h"
#include "ceph/connection.h"
#include "ceph/hold_update.h"
#include "ceph/watchers.h"
#include "hotplug/host/process/process.h"

namespace blockplug::rbd {
namespace {
// Open: the QEMU process. Map by fuse: the storage daemon. A kernel client has no process.
std::string process_of(const Call& call) {
  const auto process = process_from_facts(call.below);
  return process ? std::to_string(process->pid) + " " + std::to_string(process->start_time) : std::string{};
}

Error lost(const Call& call) {
  return no_effect(Code::FailedPrecondition,
                   "the hold of " + call.key.volume.str() + " is lost: the image was fenced from this node");
}

bool watches(const Header& header, const Client& client) { return std::ranges::count(header.watchers, client.address) > 0; }

Facts facts_of(const Client& client, const std::string& why) {
  if (!client.address.empty()) return {{roles::kImageClient, client.address}};
  return {{roles::kImageClient, "unknown"}, {roles::kImageClientWhy, why}};
}
}  // namespace

Attempt Own::raise(const Call& call) {
  auto facts = record(call);
  if (!facts.ok()) return std::move(facts).error();
  return Done{std::move(facts).value()};
}

Result<Facts> Own::record(const Call& call) {
  const auto image = image_ref(call, place_);
  auto pool = TRY(open_pool(cluster_, image));
  Client client;
  std::string why;
  const auto process = process_of(call), mapped = fact(call.below, roles::kDeviceClient);
  TRY(update_hold(pool, image.id, [&](const HoldRecord& now, const Header& header) -> Result<HoldRecord> {
    auto record = now;
    auto* ours = find_holder(record, self(*pool.connection, node_), call.key);
    if (ours == nullptr || record.fences(*ours)) return lost(call);
    const auto fresh = unnamed_watchers_here(*pool.connection, header, record);
    const auto known = std::ranges::find_if(
        ours->clients, [&](const Client& named) { return named.process == process && watches(header, named); });
    if (!mapped.empty()) {
      client = {mapped, process};
    } else if (fresh.empty() && known != ours->clients.end()) {
      client = *known;
    } else {
      client = {fresh.size() == 1 ? fresh.front() : std::string{}, process};
      if (fresh.empty()) why = "the image has no new watcher from this host";
      if (fresh.size() > 1) why = "the image has several new watchers from this host, and it is unknown which one is ours";
    }
    // Closed or dead clients are removed from the record.
    std::erase_if(ours->clients, [&](const Client& old) {
      return old != client && (old.process == process || is_proven_dead(*ours, old)) &&
             !(watches(header, old) && !old.address.empty());
    });
    if (std::ranges::count(ours->clients, client) == 0) ours->clients.push_back(client);
    ours->may_be_opening = false;
    return record;
  }));
  return facts_of(client, why);
}

Finding Own::probe(const Call& call) {
  const auto image = image_ref(call, place_);
  if (image.id.empty()) return {Standing::Down, {}, {}};
  auto pool = open_pool(cluster_, image);
  if (!pool.ok()) return {Standing::Unknown, {}, pool.error().message};
  const auto header = read_header(*pool, image.id);
  if (!header.ok() && header.error().code == Code::NotFound) return {Standing::Down, {}, header.error().message};
  if (!header.ok()) return {Standing::Unknown, {}, header.error().message};
  const auto record = hold_record_from(header->hold);
  if (!record.ok()) return {Standing::Unknown, {}, record.error().message};
  const auto* ours = find_holder(*record, self(*pool->connection, node_), call.key);
  if (ours == nullptr) return {Standing::Down, {}, lost(call).message};
  if (ours->may_be_opening || ours->clients.empty()) return {Standing::Down, {}, "its client is not recorded in the hold yet"};
  const auto& client = ours->clients.back();
  if (const auto mapped = fact(call.below, roles::kDeviceClient); !mapped.empty() && mapped != client.address)
    return {Standing::Down, {}, "its client " + mapped + " is not recorded in the hold yet"};
  auto facts = facts_of(client, fact(call.before, roles::kImageClientWhy));
  if (client.address.empty()) return {Standing::Up, std::move(facts), "its client is unknown: a fence would need --whole-node"};
  // A missing watcher proves nothing: a client that was frozen comes back.
  return {Standing::Up, std::move(facts), watches(*header, client) ? "" : "the cluster does not see its client " + client.address};
}

}  // namespace blockplug::rbd
