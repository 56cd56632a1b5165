// SPDX-License-Identifier: Apache-2.0
#include "ceph/image_lock.h"

#include <algorithm>
#include <cerrno>
#include <list>

#include "ceph/connection.h"

namespace blockplug::rbd {
namespace {
// Both are what the rbd program and librbd use (src/librbd/ManagedLock.cc of Ceph); krbd's cookies are "auto …", too.
constexpr const char* kLockName = "rbd_lock";
constexpr const char* kOwnCookies = "auto ";

// It may be anything, and is shown to people.
std::string shown(std::string cookie) {
  constexpr std::size_t kLongest = 64;
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
  cookie.resize(std::min(cookie.size(), kLongest));
  for (auto& letter : cookie)
    if (kPlain.find(letter) == std::string_view::npos) letter = '?';
  return cookie;
}
}  // namespace

Result<std::string> lock_of_others(Pool& pool, const std::string& image, const Header& header) {
  if (!header.was_locked) return std::string{};
  int is_exclusive{};
  std::string tag, text;
  std::list<librados::locker_t> lockers;
  const int listed = pool.io.list_lockers("rbd_header." + header.id, kLockName, &is_exclusive, &tag, &lockers);
  if (listed < 0 && listed != -ENOENT) return pool.connection->error(listed, "list the locks of image " + image, Effect::None);
  for (const auto& locker : lockers) {
    if (locker.cookie.starts_with(kOwnCookies)) continue;
    text += (text.empty() ? "" : ", ") + locker.client + " (" + shown(locker.cookie) + ", at " + plain_address(locker.address) + ")";
  }
  if (text.empty()) return text;
  return text + ": whoever put it there takes it off by `rbd lock remove`; `rbd lock ls " + image + "` shows it";
}

}  // namespace blockplug::rbd
