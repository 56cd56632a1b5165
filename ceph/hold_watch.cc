// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold_watch.h"

#include <cerrno>
#include <utility>

#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold_record.h"
#include "ceph/hold_update.h"

namespace blockplug::rbd {

HoldWatch::HoldWatch(Parts parts)
    : parts_(std::move(parts)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

HoldWatch::~HoldWatch() = default;

void HoldWatch::keep(const AttachmentKey& key, const std::string& id) {
  const std::lock_guard guard{mutex_};
  kept_[key] = id;
}

void HoldWatch::forget(const AttachmentKey& key) {
  const std::lock_guard guard{mutex_};
  kept_.erase(key);
}

void HoldWatch::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock{mutex_};
      stopping_.wait_for(lock, stop, parts_.interval, [] { return false; });
    }
    look(stop);
  }
}

void HoldWatch::look(const std::stop_token& stop) {
  std::map<AttachmentKey, std::string> kept;
  {
    const std::lock_guard guard{mutex_};
    kept = kept_;
  }
  if (kept.empty() || stop.stop_requested()) return;
  auto pool = open_pool(*parts_.cluster, parts_.place);
  if (!pool.ok()) return;
  for (const auto& [key, id] : kept) {
    if (stop.stop_requested()) return;
    const auto is_wrong = is_in_question(*pool, key, id);
    if (!is_wrong) return;  // nor will it answer for the others
    if (*is_wrong) parts_.events.doubt_volume(key.volume);
  }
}

std::optional<bool> HoldWatch::is_in_question(Pool& pool, const AttachmentKey& key, const std::string& id) {
  const auto header = read_header(pool, id);
  if (!header.ok()) return header.error().code == Code::NotFound ? std::optional{true} : std::nullopt;
  const auto record = hold_record_from(header->hold);
  return !record.ok() || !record->fencing.empty() || find_holder(*record, self(*pool.connection, parts_.node), key) == nullptr;
}

}  // namespace blockplug::rbd
