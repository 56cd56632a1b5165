// SPDX-License-Identifier: Apache-2.0
#include "ceph/pending_image.h"

#include <sys/random.h>

#include <cerrno>
#include <rbd/librbd.hpp>

#include "attach-detach/backend.h"
#include "ceph/arguments.h"
#include "ceph/connection.h"
#include "ceph/directory.h"

namespace blockplug::rbd {
namespace {
std::string private_name(const std::string& volume) {
  std::uint64_t number{};
  CHECK(::getrandom(&number, sizeof number, 0) == sizeof number);
  std::string digits;
  for (int i = 0; i < 16; ++i, number >>= 4) digits += "0123456789abcdef"[number & 15];
  return kPrivate + volume + "." + digits;
}
}  // namespace

Result<Header> whole_header(Pool& pool, const Place& place, const std::string& name) {
  auto header = read_header(pool, TRY(find_image(pool, name)));
  if (header.ok() || header.error().code != Code::NotFound) return header;
  return no_effect(Code::DataLoss, "only the name is left of image " + image_name(place, name) +
                                       ": a delete was interrupted. Delete the volume to finish it");
}

PendingImage::PendingImage(Pool& pool, const Place& place, const OrderCall& call)
    : pool_(pool), place_(place), call_(call), name_(name_of(call.order.volume)) {}

Result<std::string> PendingImage::clear() {
  auto hidden = fact(call_.before, "making");
  if (!hidden.starts_with(kPrivate)) return std::string{};
  TRY(clear(hidden));
  return hidden;
}

// A rename adds the new name first and removes the old one last.
Status PendingImage::clear(const std::string& hidden) {
  const auto id = find_image(pool_, hidden);
  if (!id.ok() && id.error().code != Code::NotFound) return id.error();
  if (id.ok()) {
    const auto named = find_image(pool_, name_);
    if (!named.ok() && named.error().code != Code::NotFound) return named.error();
    if (named.ok() && *named == *id) return end_renaming(pool_, hidden, name_, *id);
  }
  if (const int answer = librbd::RBD{}.remove(pool_.io, hidden.c_str()); answer < 0 && answer != -ENOENT)
    return pool_.connection->error(answer, "remove the incomplete image " + image_name(place_, hidden), Effect::Unknown);
  return Ok{};
}

Result<std::optional<Header>> PendingImage::made() const {
  auto found = whole_header(pool_, place_, name_);
  if (!found.ok() && found.error().code == Code::NotFound) return std::optional<Header>{};
  auto header = TRY(std::move(found));
  if (header.is_ours()) return std::optional{std::move(header)};
  return no_effect(Code::AlreadyExists, "image " + image_name(place_, name_) +
                                            " exists and Blockplug did not create it: attach it as it is, or use another name");
}

Result<Header> PendingImage::perform(const std::function<Status(const std::string& name)>& make, const std::string& source) {
  const auto hidden = private_name(name_);
  TRY(call_.journal.keep({{"making", hidden}}));
  auto header = [&]() -> Result<Header> {
    TRY(make(hidden));
    return finish(hidden, source);
  }();
  if (header.ok()) return header;
  // An order that the cluster has no space for ends; else what it left would be cleared by its next attempt.
  auto& effect = header.error().effect;
  if (effect == Effect::None || header.error().code == Code::ResourceExhausted)
    effect = clear(hidden).ok() ? Effect::None : Effect::Unknown;
  return header;
}

Result<Header> PendingImage::finish(const std::string& hidden, const std::string& source) {
  const auto id = TRY(find_image(pool_, hidden));
  if (!source.empty()) TRY(set_metadata(pool_, id, kSourceMark, source));
  if (const auto callers = fact(call_.order.arguments, kCallersName); !callers.empty())
    TRY(set_metadata(pool_, id, kNameMark, id + " " + callers));
  TRY(set_metadata(pool_, id, kImageMark, id));
  TRY(call_.journal.keep({{"made", id}}));
  const int renamed = librbd::RBD{}.rename(pool_.io, hidden.c_str(), name_.c_str());
  if (renamed == -EEXIST)
    return no_effect(Code::Aborted, "image " + image_name(place_, name_) + " is being created by another client");
  if (renamed < 0) return pool_.connection->error(renamed, "rename an image to " + image_name(place_, name_), Effect::Unknown);
  auto header = read_header(pool_, id);
  if (!header.ok()) header.error().effect = Effect::Unknown;
  return header;
}

}  // namespace blockplug::rbd
