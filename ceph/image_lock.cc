// SPDX-License-Identifier: Apache-2.0
#include "ceph/image_lock.h"

#include <algorithm>
#include <cerrno>
#include <list>

#include "ceph/connection.h"
#include "ceph/features.h"
#include "ceph/hold_record.h"
#include "ceph/hold_update.h"
#include "hotplug/host/process/process.h"

namespace blockplug::rbd {
namespace {
// The values that the rbd program and librbd use (src/librbd/ManagedLock.cc of Ceph); krbd's cookies are "auto …" too.
constexpr const char* kLockName = "rbd_lock";
constexpr const char* kOwnCookies = "auto ";

// Any bytes are possible, so they are made printable.
std::string shown(std::string cookie) {
  constexpr std::size_t kLongest = 64;
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
  cookie.resize(std::min(cookie.size(), kLongest));
  for (auto& letter : cookie)
    if (kPlain.find(letter) == std::string_view::npos) letter = '?';
  return cookie;
}

Result<std::list<librados::locker_t>> lockers_of(Pool& pool, const Header& header) {
  std::list<librados::locker_t> lockers;
  if (!header.was_locked) return lockers;
  int is_exclusive{};
  std::string tag;
  const int listed = pool.io.list_lockers("rbd_header." + header.id, kLockName, &is_exclusive, &tag, &lockers);
  if (listed < 0 && listed != -ENOENT) return pool.connection->error(listed, "list the locks of image " + header.id, Effect::None);
  return lockers;
}
}  // namespace

Result<std::string> lock_of_others(Pool& pool, const std::string& image, const Header& header) {
  std::string text;
  for (const auto& locker : TRY(lockers_of(pool, header))) {
    if (locker.cookie.starts_with(kOwnCookies)) continue;
    text +=
        (text.empty() ? "" : ", ") + locker.client + " (" + shown(locker.cookie) + ", at " + plain_address(locker.address) + ")";
  }
  if (text.empty()) return text;
  return text + ": if that lock is no longer needed, remove it with `rbd lock remove`; `rbd lock ls " + image + "` shows it";
}

Status check_writers_answer(Pool& pool, const Header& header) {
  if ((header.features & kExclusiveLock) == 0) return Ok{};
  const auto is_silent = [&](const std::string& address) { return std::ranges::count(header.watchers, address) == 0; };
  const auto silent = [](const std::string& address, const Holder& holder) {
    return no_effect(Code::Unavailable,
                     "client " + address + " of node " + holder.node + ", which holds the image for writing, has been silent for " +
                         "30 s: changing the image now would blocklist it. Wait until it answers; if it is permanently gone, run " +
                         "`blockplug volume fence " + holder.attachment.volume.str() + "` first");
  };
  const auto record = TRY(hold_record_from(header.hold));
  for (const auto& holder : record.holders) {
    if (holder.access == Access::ReadOnly) continue;  // readers have no lock and no watcher
    bool is_unknown = holder.may_be_opening;
    for (const auto& client : holder.clients) {
      is_unknown |= client.address.empty();
      const bool is_dead = holder.boot == this_boot() && is_proven_dead(holder, client);
      if (!client.address.empty() && !is_dead && is_silent(client.address)) return silent(client.address, holder);
    }
    if (!is_unknown) continue;
    for (const auto& locker : TRY(lockers_of(pool, header)))
      if (const auto owner = plain_address(locker.address); is_silent(owner) && host_of(owner) == holder.host)
        return silent(owner, holder);
  }
  return Ok{};
}

}  // namespace blockplug::rbd
