// SPDX-License-Identifier: Apache-2.0
#include "ceph/fence.h"

#include <arpa/inet.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "attach-detach/joined.h"
#include "ceph/arguments.h"
#include "ceph/connection.h"
#include "ceph/hold_update.h"

namespace blockplug::rbd {
namespace {
constexpr double kTenYearsSeconds = 10.0 * 365 * 24 * 3600;

bool is_address(const std::string& text) {
  unsigned char address[16];
  return ::inet_pton(AF_INET, text.c_str(), address) == 1 || ::inet_pton(AF_INET6, text.c_str(), address) == 1;
}

// All clients of an address: what `profile rbd` allows on the blocklist, formatted as by the monitors.
std::string whole(const std::string& address) {
  const bool is_v6 = address.find(':') != std::string::npos;
  unsigned char number[16];
  char text[INET6_ADDRSTRLEN]{};
  ::inet_pton(is_v6 ? AF_INET6 : AF_INET, address.c_str(), number);
  ::inet_ntop(is_v6 ? AF_INET6 : AF_INET, number, text, sizeof text);
  return (is_v6 ? "[" + std::string{text} + "]" : std::string{text}) + ":0/0";
}

bool is_unknown(const Holder& holder) {
  return holder.may_be_opening || std::ranges::any_of(holder.clients, [](const Client& client) { return client.address.empty(); });
}

// A fence that waited long must not hit what the node took after it had let go of it.
bool has_what_was_seen(const HoldRecord& record, const std::string& node, const std::string& seen_since) {
  bool has_any = false;
  for (const auto& holder : record.holders) {
    if (holder.node != node) continue;
    if (!seen_since.empty() && holder.since > seen_since) return false;
    has_any = true;
  }
  return has_any;
}

HoldRecord freed(const HoldRecord& record) {
  HoldRecord left;
  std::ranges::copy_if(record.holders, std::back_inserter(left.holders), [&](const Holder& each) { return !record.fences(each); });
  return left;
}

}  // namespace

Result<Facts> Fence::perform(const OrderCall& call) {
  auto pool = TRY(open_pool(cluster_, image_));
  TRY(blocklist(pool));  // without the right to read it there is none to add to it: fail before anything is done
  const auto id = TRY(find_image(pool, image_.name));
  const auto mark = [&](const HoldRecord& now, const Header& header) { return fencing(call, pool, now, header); };
  auto marked = TRY(update_hold(pool, id, mark));
  if (!marked.record.fencing.empty())
    marked = TRY(update_hold(pool, id, mark));  // includes clients that opened it just before the mark
  Facts facts{{"image", image_id(pool.connection->fsid(), image_, id).str()},
              {"size_bytes", std::to_string(marked.header.size_bytes)}};
  const auto victims = marked.record.victims;
  if (marked.record.fencing.empty()) {  // no client to fence, or done by an earlier attempt: a newer holder is left alone
    facts["fenced"] = fact(call.before, call.before.contains("fenced") ? "fenced" : "fencing");
    return facts;
  }
  TRY(call.journal.keep({{"fencing", joined(victims)}}));
  for (const auto& victim : victims)
    if (auto out = add_to_blocklist(pool, victim); !out.ok()) {
      if (out.error().code == Code::PermissionDenied && take_back(pool, id, marked.record).ok()) out.error().effect = Effect::None;
      return out.error();
    }
  TRY(verify(pool, victims));
  TRY(call.journal.keep({{"fenced", joined(victims)}}));
  TRY(update_hold(pool, id, [&](const HoldRecord& now, const Header&) -> Result<HoldRecord> {
    const auto& ours = marked.record;
    const bool is_this_fence = now.fencing == ours.fencing && now.fenced_node == ours.fenced_node && now.victims == victims;
    return is_this_fence ? freed(now) : now;  // already freed, and perhaps held again
  }));
  facts["fenced"] = joined(victims);
  return facts;
}

Result<HoldRecord> Fence::fencing(const OrderCall& call, Pool& pool, const HoldRecord& now, const Header& header) const {
  const auto whole_node = fact(call.order.arguments, "whole_node"), only_node = fact(call.order.arguments, "node");
  const auto own = pool.connection->own_address();
  if (!whole_node.empty() && !is_address(whole_node))
    return no_effect(Code::InvalidArgument,
                     "--whole-node '" + whole_node + "' is not an IP address: give the node's address in the storage network");
  if (!whole_node.empty() && whole(whole_node) == host_of(own) + ":0/0")
    return no_effect(Code::FailedPrecondition, "--whole-node " + whole_node + " is this node: run the fence on another node");
  // Freed by an earlier attempt, or by another node that finished it: a newer holder is left alone.
  if ((call.before.contains("fenced") || call.before.contains("fencing")) && now.fencing.empty()) return now;
  if (!now.deleting.empty()) return no_effect(Code::FailedPrecondition, "the image is being deleted by node " + now.deleting);
  auto record = now;
  if (now.fencing.empty()) record.fenced_node = only_node;
  if (only_node.empty()) record.fenced_node.clear();
  if (!record.fenced_node.empty() && record.fenced_node != only_node)
    return no_effect(Code::Unavailable, "it is being fenced from node " + record.fenced_node + " by node " + now.fencing +
                                            ": try again when that has ended");
  const auto stays = [&](const Holder& holder) { return !record.fenced_node.empty() && holder.node != record.fenced_node; };
  HoldRecord staying;
  std::ranges::copy_if(now.holders, std::back_inserter(staying.holders), stays);
  if (!only_node.empty() && now.fencing.empty() && !has_what_was_seen(now, only_node, fact(call.order.arguments, "held_since")))
    return now;
  std::set<std::string> victims{now.victims.begin(), now.victims.end()};
  for (const auto& holder : now.holders) {
    if (stays(holder)) continue;
    if (is_ours(holder, self(*pool.connection, node_)) && !now.fences(holder))
      return no_effect(Code::FailedPrecondition, "this node holds it itself (" + describe(holder) +
                                                     "): detach it; a fence is only for volumes that another node holds");
    if (is_unknown(holder) && whole_node.empty() && !now.fences(holder))
      return no_effect(
          Code::FailedPrecondition,
          "it is held by " + describe(holder) +
              "; its client is not known, so it cannot be fenced alone: use --whole-node IP with the address of node " +
              holder.node + (holder.host.empty() ? "" : " (" + holder.host + " when it took the image)") +
              " in the storage network, which blocklists all clients there");
    if (is_unknown(holder) && holder.access == Access::ReadWrite && !whole_node.empty() && !holder.host.empty() &&
        whole(whole_node) != holder.host + ":0/0")
      return no_effect(Code::FailedPrecondition, "it is held by " + describe(holder) + ", from address " + holder.host +
                                                     ": fencing " + whole_node + " would leave its client able to write");
    for (const auto& client : holder.clients)
      if (!client.address.empty()) victims.insert(client.address);
  }
  // One without a name may be of a holder who stays and is just opening it.
  if (std::ranges::none_of(staying.holders, is_unknown))
    for (const auto& address : header.watchers)
      if (address != own && !is_client_of(staying, address)) victims.insert(address);
  if (!whole_node.empty()) victims.insert(whole(whole_node));
  if (victims.empty() && now.is_free()) return now;
  record.fencing = node_;
  record.victims.assign(victims.begin(), victims.end());
  return record;
}

Status Fence::add_to_blocklist(Pool& pool, const std::string& victim) const {
  const nlohmann::json command{{"prefix", "osd blocklist"}, {"blocklistop", "add"}, {"addr", victim}, {"expire", kTenYearsSeconds}};
  TRY(pool.connection->command(command.dump(), "blocklist client " + victim, Effect::Unknown));
  return Ok{};
}

Result<std::string> Fence::blocklist(Pool& pool) const {
  return pool.connection->command(R"({"prefix":"osd blocklist ls","format":"json"})", "read the blocklist", Effect::None);
}

// The user has no right to fence. As long as no client is blocklisted, the holders are restored.
Status Fence::take_back(Pool& pool, const std::string& id, const HoldRecord& marked) const {
  const auto listed = TRY(blocklist(pool));
  for (const auto& victim : marked.victims)
    if (listed.find("\"" + victim + "\"") != std::string::npos)
      return maybe_effect(Code::PermissionDenied, "some clients are already blocklisted");
  TRY(update_hold(pool, id, [&](const HoldRecord& now, const Header&) -> Result<HoldRecord> {
    auto record = now;
    if (now == marked) record.fencing.clear(), record.fenced_node.clear(), record.victims.clear();
    return record;
  }));
  return Ok{};
}

Status Fence::verify(Pool& pool, const std::vector<std::string>& victims) const {
  if (victims.empty()) return Ok{};
  auto read = blocklist(pool);
  if (!read.ok()) read.error().effect = Effect::Unknown;
  const auto listed = TRY(std::move(read));
  for (const auto& victim : victims)
    if (listed.find("\"" + victim + "\"") == std::string::npos)
      return maybe_effect(
          Code::Unavailable,
          "client " + victim + " is not on the cluster's blocklist: it was removed, or the monitors lag behind; try again");
  // From now on every OSD learns of the blocklist before it serves this daemon.
  if (const int waited = pool.connection->rados().wait_for_latest_osdmap(); waited < 0)
    return pool.connection->error(waited, "wait for the OSD map with the blocklist", Effect::Unknown);
  return Ok{};
}

}  // namespace blockplug::rbd
