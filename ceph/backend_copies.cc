// SPDX-License-Identifier: Apache-2.0
// RbdBackend: snapshots and clones.
#include <cerrno>
#include <rbd/librbd.hpp>

#include "ceph/arguments.h"
#include "ceph/backend.h"
#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/image_refusal.h"
#include "ceph/pending_image.h"
#include "ceph/snapshots.h"
#include "ceph/writable.h"

namespace blockplug::rbd {
namespace {
constexpr std::uint64_t kCloneFormatOfUnprotected = 2;

// Unique per clone: an older clone of the same name has another one.
std::string clone_snapshot_of(const std::string& hidden) {
  return kCloneSnapshot + hidden.substr(std::string_view{kPrivate}.size());
}
}  // namespace

Result<Facts> RbdBackend::snapshot(const OrderCall& call) {
  const auto name = fact(call.order.arguments, "snapshot");
  TRY(check_name(name));
  if (name.starts_with(kCloneSnapshot))
    return no_effect(Code::InvalidArgument,
                     std::string{"snapshots named "} + kCloneSnapshot + "… are reserved for Blockplug: use another name");
  auto pool = TRY(this->pool());
  const bool is_delete = fact(call.order.arguments, "delete") == "true";
  if (!is_delete) TRY(check_space(pool, place_.data_pool));
  const auto header = TRY(read_header_of(pool, name_of(call.order.volume)));
  OpenImage opened;
  TRY(open_to_change(pool, header.id, opened));
  if (is_delete)
    TRY(remove_snapshot(pool, *opened.image, name));
  else
    TRY(make_snapshot(pool, *opened.image, name));
  return facts_of(pool, header);
}

Result<std::vector<SnapshotInfo>> RbdBackend::snapshots(const VolumeId& volume) {
  auto pool = TRY(this->pool());
  const auto id = TRY(find_image(pool, name_of(volume)));
  OpenImage opened;
  TRY(open_to_read(pool, id, opened));
  auto all = TRY(snapshots_of(pool, *opened.image));
  std::erase_if(all, [](const SnapshotInfo& snapshot) { return snapshot.name.starts_with(kCloneSnapshot); });
  return all;
}

// [snapshot of the source] → clone → [grow] → marked, named → [flatten]; each step finds what an earlier attempt did.
Result<Facts> RbdBackend::clone(const OrderCall& call) {
  const auto name = name_of(call.order.volume);
  const auto source = TRY(source_in(call.order.arguments));
  auto pool = TRY(this->pool());
  PendingImage pending{pool, place_, call};
  const auto left = TRY(pending.clear());
  auto found = pending.made();
  const bool is_free = found.ok() && !found->has_value();
  const bool is_anothers =
      found.ok() ? !is_free && (*found)->id != fact(call.before, "made") : found.error().code == Code::AlreadyExists;
  if (!left.empty() && (is_free || is_anothers)) TRY(drop_clone_snapshot(pool, source, left));
  if (!found.ok()) return std::move(found).error();
  auto& header = *found;
  if (header && header->source != fact(call.order.arguments, "source"))
    return no_effect(Code::AlreadyExists, "volume '" + name + "' already exists and was not created from " +
                                              fact(call.order.arguments, "source") + ": use another name");
  TRY(check_clone_size(pool, call, source, header));
  if (!header) header = TRY(make_clone(pool, call, source, pending));
  if (call.order.arguments.contains("size_bytes")) {
    const auto size_bytes = TRY(size_in(call.order.arguments));
    if (size_bytes > header->size_bytes) {  // of an earlier version, which named it first
      auto grown = grow(pool, header->id, size_bytes);
      if (!grown.ok()) grown.error().effect = Effect::Unknown;
      TRY(std::move(grown));
    }
  }
  if (fact(call.order.arguments, "flatten") == "true") TRY(flatten(pool, header->id));
  return facts_of(pool, TRY(read_header(pool, header->id)));
}

Result<Header> RbdBackend::make_clone(Pool& pool, const OrderCall& call, const Source& source, PendingImage& pending) {
  TRY(check_space(pool, place_.data_pool));
  std::string hidden;
  auto made = pending.perform(
      [&](const std::string& given) -> Status {
        hidden = given;
        TRY(clone_image(pool, source, hidden));
        // Before it has its name: whoever finds a copy under that finds one of the right size.
        if (!call.order.arguments.contains("size_bytes")) return Status{Ok{}};
        const auto size_bytes = TRY(size_in(call.order.arguments));
        return grow(pool, TRY(find_image(pool, hidden)), size_bytes);
      },
      fact(call.order.arguments, "source"));
  if (!made.ok() && made.error().effect == Effect::None && !drop_clone_snapshot(pool, source, hidden).ok())
    made.error().effect = Effect::Unknown;
  return made;
}

// Never smaller than its source. A clone of an earlier order keeps its size.
Status RbdBackend::check_clone_size(Pool& pool, const OrderCall& call, const Source& source, const std::optional<Header>& made) {
  if (!call.order.arguments.contains("size_bytes")) return Ok{};
  const auto size_bytes = TRY(size_in(call.order.arguments));
  const auto name = name_of(call.order.volume);
  if (made && fact(call.before, "made") != made->id && made->size_bytes != size_bytes)
    return no_effect(Code::AlreadyExists, "volume '" + name + "' already exists with " + std::to_string(made->size_bytes) +
                                              " bytes, not " + std::to_string(size_bytes) + ": expand it, or use another name");
  if (made) return Ok{};
  const auto least = TRY(size_of(pool, source));
  if (size_bytes >= least) return Ok{};
  return no_effect(Code::OutOfRange, "the source has " + std::to_string(least) + " bytes, so a copy cannot have " +
                                         std::to_string(size_bytes) + ": give a larger size, or none");
}

Result<std::int64_t> RbdBackend::size_of(Pool& pool, const Source& source) {
  auto header = read_header_of(pool, source.volume);
  if (!header.ok()) return within("the source", std::move(header).error());
  if (source.snapshot.empty()) return header->size_bytes;
  OpenImage opened;
  TRY(open_to_read(pool, header->id, opened));
  std::vector<librbd::snap_info_t> listed;
  if (const int answer = opened.image->snap_list(listed); answer < 0)
    return pool.connection->error(answer, "list the snapshots of " + source.volume, Effect::None);
  for (const auto& snapshot : listed)
    if (snapshot.name == source.snapshot) return static_cast<std::int64_t>(snapshot.size);
  return no_effect(Code::NotFound, "volume '" + source.volume + "' has no snapshot '" + source.snapshot + "'");
}

Status RbdBackend::clone_image(Pool& pool, const Source& source, const std::string& hidden) {
  auto parent = read_header_of(pool, source.volume);
  if (!parent.ok()) return within("the source", std::move(parent).error());
  if ((parent->features & kLayering) == 0)
    return no_effect(Code::FailedPrecondition,
                     "image " + image_name(place_, source.volume) +
                         " was created without the feature layering, so it cannot be cloned: copy it with `rbd cp`");
  auto snapshot = source.snapshot;
  if (snapshot.empty()) {
    snapshot = clone_snapshot_of(hidden);
    OpenImage opened;
    TRY(open_to_change(pool, parent->id, opened));
    TRY(make_snapshot(pool, *opened.image, snapshot));
  }
  librbd::ImageOptions options;
  options.set(RBD_IMAGE_OPTION_FEATURES, features_);
  // Format 1 refuses a snapshot that nobody protected, as `rbd snap create` makes them.
  if (!TRY(is_protected(pool, parent->id, snapshot))) options.set(RBD_IMAGE_OPTION_CLONE_FORMAT, kCloneFormatOfUnprotected);
  if (!place_.data_pool.empty()) options.set(RBD_IMAGE_OPTION_DATA_POOL, place_.data_pool);
  const int made = librbd::RBD{}.clone3(pool.io, source.volume.c_str(), snapshot.c_str(), pool.io, hidden.c_str(), options);
  if (made == -ENOENT && source.snapshot.empty())
    return no_effect(Code::Aborted, "the snapshot of " + source.volume + " was removed while it was cloned: try again");
  if (made == -ENOENT) return no_effect(Code::NotFound, "volume '" + source.volume + "' has no snapshot '" + snapshot + "'");
  if (made < 0) return pool.connection->error(made, "clone " + source.volume + "@" + snapshot, Effect::Unknown);
  return Ok{};
}

// A missing snapshot counts as protected: the clone of it will say that it is missing.
Result<bool> RbdBackend::is_protected(Pool& pool, const std::string& id, const std::string& snapshot) {
  OpenImage opened;
  TRY(open_to_read(pool, id, opened));
  bool is_so = false;
  const int answer = opened.image->snap_is_protected(snapshot.c_str(), &is_so);
  if (answer < 0 && answer != -ENOENT) return pool.connection->error(answer, "look at snapshot '" + snapshot + "'", Effect::None);
  return is_so || answer == -ENOENT;
}

// Removes the snapshot that was made for a clone which was not created.
Status RbdBackend::drop_clone_snapshot(Pool& pool, const Source& source, const std::string& hidden) {
  if (!source.snapshot.empty() || hidden.empty()) return Ok{};
  const auto parent = find_image(pool, source.volume);
  if (!parent.ok()) return parent.error().code == Code::NotFound ? Status{Ok{}} : Status{parent.error()};
  OpenImage opened;
  const auto is_open = open_to_change(pool, *parent, opened);
  if (!is_open.ok()) return is_open.error().code == Code::NotFound ? Status{Ok{}} : is_open;
  return remove_snapshot(pool, *opened.image, clone_snapshot_of(hidden));
}

// Removes the parent's clone snapshot along with its clone.
Status RbdBackend::flatten(Pool& pool, const std::string& id) {
  std::string parent;
  {
    OpenImage opened;
    TRY(open_to_change(pool, id, opened));
    librbd::linked_image_spec_t image;
    librbd::snap_spec_t snapshot;
    if (opened.image->get_parent(&image, &snapshot) == -ENOENT) return Ok{};
    parent = image.image_id;
    if (const int answer = opened.image->flatten(); answer < 0 && answer != -EINVAL)  // EINVAL: it no longer has a parent
      return image_refusal(pool, *opened.image, answer, "flatten image " + id);
  }
  return tidy_parent(pool, parent);
}

Status RbdBackend::tidy_parent(Pool& pool, const std::string& parent) {
  OpenImage opened;
  const auto is_open = open_to_change(pool, parent, opened);
  if (!is_open.ok()) return is_open.error().code == Code::NotFound ? Status{Ok{}} : is_open;
  return remove_idle_clone_snapshots(pool, *opened.image);
}

// Never shrinks: librbd is told not to.
Status RbdBackend::grow(Pool& pool, const std::string& id, std::int64_t size_bytes) {
  struct Silent final : librbd::ProgressContext {
    int update_progress(std::uint64_t, std::uint64_t) override { return 0; }
  } silent;
  TRY(check_space(pool, place_.data_pool));
  OpenImage opened;
  TRY(open_to_change(pool, id, opened));
  std::uint64_t now{};
  if (const int answer = opened.image->size(&now); answer < 0)
    return pool.connection->error(answer, "read the size of image " + id, Effect::None);
  if (now >= static_cast<std::uint64_t>(size_bytes)) return Ok{};
  const int answer = opened.image->resize2(static_cast<std::uint64_t>(size_bytes), /*allow_shrink=*/false, silent);
  if (answer >= 0) return Ok{};
  auto error = image_refusal(pool, *opened.image, answer, "resize image " + id);
  std::uint64_t after{};
  if (error.code == Code::ResourceExhausted && opened.image->size(&after) == 0 && after == now) error.effect = Effect::None;
  return error;
}

}  // namespace blockplug::rbd
