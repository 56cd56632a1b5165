// SPDX-License-Identifier: Apache-2.0
#include "ceph/backend.h"

#include <algorithm>
#include <rbd/librbd.hpp>

#include "ceph/arguments.h"
#include "ceph/connection.h"
#include "ceph/fence.h"
#include "ceph/header.h"
#include "ceph/hold_record.h"
#include "ceph/pending_image.h"
#include "ceph/snapshots.h"

namespace blockplug::rbd {
namespace {
constexpr std::size_t kMaxNameLength = 128;

bool is_letter_or_digit(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_allowed(char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; }
}  // namespace

Result<Pool> RbdBackend::pool() { return open_pool(cluster_, place_); }

Status RbdBackend::check_name(const std::string& name) const {
  if (name.starts_with(kPrivate))
    return no_effect(Code::InvalidArgument,
                     std::string{"names that begin with "} + kPrivate + " are reserved for Blockplug: use another name");
  if (!name.empty() && name.size() <= kMaxNameLength && is_letter_or_digit(name.front()) && std::ranges::all_of(name, is_allowed))
    return Ok{};
  return no_effect(Code::InvalidArgument,
                   "it is not a valid name for an rbd volume: use 1 to 128 letters, digits, '.', '_' and "
                   "'-', beginning with a letter or digit");
}

Attempt RbdBackend::perform(const OrderCall& call) {
  const auto act = [&]() -> Result<Facts> {
    TRY(check_name(name_of(call.order.volume)));
    switch (call.order.kind) {
      case OrderKind::Create: return create(call);
      case OrderKind::Clone: return clone(call);
      case OrderKind::Snapshot: return snapshot(call);
      case OrderKind::Resize: return resize(call);
      case OrderKind::Modify: return modify(call);
      case OrderKind::Delete: return remove(call);
      case OrderKind::Fence: return Fence{cluster_, image_ref(call.order.volume, place_), node_}.perform(call);
    }
    CHECK(!"an order of a known kind");
    return Facts{};
  };
  auto facts = act();
  if (!facts.ok()) return std::move(facts).error();
  return Done{std::move(facts).value()};
}

Result<Facts> RbdBackend::facts_of(Pool& pool, const Header& header) {
  return Facts{{"image", image_id(pool.connection->fsid(), place_, header.id).str()},
               {"size_bytes", std::to_string(header.size_bytes)}};
}

Result<Facts> RbdBackend::create(const OrderCall& call) {
  const auto name = name_of(call.order.volume);
  const auto size_bytes = TRY(size_in(call.order.arguments));
  auto pool = TRY(this->pool());
  if (!place_.data_pool.empty()) TRY(pool.connection->pool(place_.data_pool, {}));
  PendingImage pending{pool, place_, call};
  TRY(pending.clear());
  auto header = TRY(pending.made());
  const auto make = [&](const std::string& hidden) -> Status {
    librbd::ImageOptions options;
    options.set(RBD_IMAGE_OPTION_FEATURES, features_);
    if (!place_.data_pool.empty()) options.set(RBD_IMAGE_OPTION_DATA_POOL, place_.data_pool);
    const int made = librbd::RBD{}.create4(pool.io, hidden.c_str(), static_cast<std::uint64_t>(size_bytes), options);
    if (made < 0) return pool.connection->error(made, "create image " + image_name(place_, name), Effect::Unknown);
    return Ok{};
  };
  if (!header) header = TRY(pending.perform(make, /*source=*/""));
  if (header->size_bytes != size_bytes || !header->source.empty())
    return no_effect(Code::AlreadyExists, "volume '" + name + "' already exists with " + std::to_string(header->size_bytes) +
                                              " bytes" + (header->source.empty() ? "" : ", created from " + header->source) +
                                              ", not " + std::to_string(size_bytes) + ": expand it, or use another name");
  return facts_of(pool, *header);
}

Result<Facts> RbdBackend::resize(const OrderCall& call) {
  const auto name = name_of(call.order.volume);
  const auto size_bytes = TRY(size_in(call.order.arguments));
  auto pool = TRY(this->pool());
  auto header = TRY(read_header_of(pool, name));
  if (size_bytes < header.size_bytes)
    return no_effect(Code::OutOfRange, "volume '" + name + "' cannot shrink from " + std::to_string(header.size_bytes) + " to " +
                                           std::to_string(size_bytes) + " bytes: that would lose data");
  if (size_bytes > header.size_bytes) {
    TRY(grow(pool, header.id, size_bytes));
    header = TRY(read_header(pool, header.id));
  }
  return facts_of(pool, header);
}

Result<std::vector<VolumeInfo>> RbdBackend::list() {
  auto pool = TRY(this->pool());
  std::vector<librbd::image_spec_t> images;
  if (const int listed = librbd::RBD{}.list2(pool.io, &images); listed < 0)
    return pool.connection->error(listed, "list the images of pool '" + place_.pool + "'", Effect::None);
  std::vector<VolumeInfo> volumes;
  for (const auto& image : images) {
    const auto header = read_header(pool, image.id);
    if (!header.ok() && header.error().code == Code::NotFound) continue;  // deleted in the meantime
    if (!header.ok()) return header.error();
    if (header->is_ours() && !image.name.starts_with(kPrivate)) volumes.push_back(info_of(pool, image.name, *header));
  }
  std::ranges::sort(volumes, {}, &VolumeInfo::id);
  return volumes;
}

}  // namespace blockplug::rbd
