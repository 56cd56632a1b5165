// SPDX-License-Identifier: Apache-2.0
// RbdBackend: a volume's information, including its limits, which are metadata of its image.
#include <algorithm>
#include <iterator>

#include "attach-detach/volume_limits.h"
#include "ceph/backend.h"
#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold_record.h"
#include "ceph/image_lock.h"
#include "ceph/pending_image.h"

namespace blockplug::rbd {
namespace {
VolumeHolder holder_of(const Holder& holder) {
  VolumeHolder told{holder.node, holder.attachment.target.str(), holder.access, holder.since, {}};
  bool is_unknown = holder.may_be_opening;
  for (const auto& client : holder.clients) {
    is_unknown = is_unknown || client.address.empty();
    if (!client.address.empty()) told.clients.push_back(client.address);
  }
  if (is_unknown) told.clients.emplace_back("unknown");
  return told;
}

// The hold's state beside its holders.
std::string beside_holders(const Result<HoldRecord>& record) {
  if (!record.ok()) return record.error().message;
  return describe(HoldRecord{.holders = {}, .fencing = record->fencing, .victims = {}, .deleting = record->deleting});
}
}  // namespace

Result<Facts> RbdBackend::modify(const OrderCall& call) {
  auto pool = TRY(this->pool());
  const auto header = TRY(read_header_of(pool, name_of(call.order.volume)));
  auto known = TRY(volume_limits_from(header.limits));
  const auto limits = TRY(modified(std::move(known), call.order.arguments));
  if (const auto text = limits_text(limits); text != header.limits) TRY(set_metadata(pool, header.id, kLimitsMark, text));
  auto facts = TRY(facts_of(pool, header));
  facts.merge(limit_facts(limits));
  return facts;
}

VolumeInfo RbdBackend::info_of(Pool& pool, const std::string& name, const Header& header) {
  VolumeInfo info{.id = VolumeId{place_.backend + "/" + name},
                  .size_bytes = header.size_bytes,
                  .image = image_id(pool.connection->fsid(), place_, header.id),
                  .created = header.created,
                  .details = {{"image", image_name(place_, name)}, {"managed", header.is_ours() ? "true" : "false"}}};
  if (!header.source.empty()) info.details["source"] = header.source;
  if (!header.name.empty()) info.details[kCallersName] = header.name;
  const auto record = hold_record_from(header.hold);
  if (const auto hold = beside_holders(record); !hold.empty()) info.details["hold"] = hold;
  if (record.ok() && !record->fencing.empty())
    info.details[kFencedFrom] = record->fenced_node.empty() ? kEveryNode : record->fenced_node;
  if (record.ok()) std::ranges::transform(record->holders, std::back_inserter(info.holders), holder_of);
  for (const auto& address : header.watchers)
    if (address != pool.connection->own_address() && !(record.ok() && is_client_of(*record, address)))
      info.watchers.push_back(address);
  if (auto limits = volume_limits_from(header.limits); limits.ok()) info.limits = std::move(limits).value();
  return info;
}

// An attach needs the limits; a list does not.
Result<VolumeInfo> RbdBackend::find(const VolumeId& volume) {
  constexpr std::chrono::seconds kAnswerLimit{5};  // callers wait one after another
  auto pool = TRY(this->pool());
  TRY(check_answers(pool, name_of(volume), kAnswerLimit));
  const auto header = TRY(whole_header(pool, place_, name_of(volume)));
  TRY(volume_limits_from(header.limits));
  auto info = info_of(pool, name_of(volume), header);
  if (auto locker = TRY(lock_of_others(pool, image_name(place_, name_of(volume)), header)); !locker.empty())
    info.details["locked"] = "by " + std::move(locker);
  return info;
}

}  // namespace blockplug::rbd
