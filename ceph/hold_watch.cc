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
  kept_[key] = {id};
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
  std::map<AttachmentKey, Kept> kept;
  {
    const std::lock_guard guard{mutex_};
    kept = kept_;
  }
  if (kept.empty() || stop.stop_requested()) return;
  auto pool = open_pool(*parts_.cluster, parts_.place);
  if (!pool.ok()) return;
  for (const auto& [key, each] : kept) {
    if (stop.stop_requested()) return;
    const auto wrong = what_is_wrong(*pool, key, each.id);
    if (wrong && is_news(key, each.id, *wrong)) parts_.events.doubt_volume(key.volume);
  }
}

// Empty: nothing. None: the cluster does not tell; others of its placement groups may.
std::optional<std::string> HoldWatch::what_is_wrong(Pool& pool, const AttachmentKey& key, const std::string& id) const {
  const auto header = read_header(pool, id);
  if (!header.ok()) return header.error().code == Code::NotFound ? std::optional{header.error().message} : std::nullopt;
  const auto record = hold_record_from(header->hold);
  if (!record.ok()) return record.error().message;
  if (!record->fencing.empty()) return "it is being fenced by " + record->fencing;
  return find_holder(*record, self(*pool.connection, parts_.node), key) == nullptr ? "it is not ours any more" : "";
}

bool HoldWatch::is_news(const AttachmentKey& key, const std::string& id, const std::string& wrong) {
  const std::lock_guard guard{mutex_};
  const auto found = kept_.find(key);
  if (found == kept_.end() || found->second.id != id) return false;
  return std::exchange(found->second.wrong, wrong) != wrong && !wrong.empty();
}

}  // namespace blockplug::rbd
