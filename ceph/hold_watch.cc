// SPDX-License-Identifier: Apache-2.0
#include "ceph/hold_watch.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "attach-detach/volume_limits.h"
#include "ceph/connection.h"
#include "ceph/header.h"
#include "ceph/hold_record.h"
#include "ceph/hold_update.h"
#include "ceph/writable.h"

namespace blockplug::rbd {

namespace {
// So many are begun together. One that has not answered for a while counts no longer, so dead ones keep none of the others waiting;
// each image has at most one.
constexpr std::size_t kMostAtOnce = 64;
constexpr std::chrono::seconds kSlow{1};
}  // namespace

struct HoldWatch::Reading {
  ImageRef image;
  Time begun_at;
  std::unique_ptr<HeaderReading> header;
};

// Of the thread alone.
struct HoldWatch::Round {
  std::map<AttachmentKey, Reading> readings;  // also those of earlier rounds that have no answer yet
  std::deque<AttachmentKey> due;
  std::map<std::pair<std::string, std::string>, Result<Pool>> pools;
};

HoldWatch::HoldWatch(Parts parts) : parts_(std::move(parts)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

HoldWatch::~HoldWatch() = default;

void HoldWatch::keep(const AttachmentKey& key, const Hold& hold) {
  const std::lock_guard guard{mutex_};
  kept_[key] = {hold};
}

void HoldWatch::forget(const AttachmentKey& key) {
  const std::lock_guard guard{mutex_};
  kept_.erase(key);
}

void HoldWatch::run(const std::stop_token& stop) {
  Round round;
  auto next_round = Clock::now() + parts_.interval;
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock{mutex_};
      const auto until = round.due.empty() ? next_round : std::min<Time>(next_round, Clock::now() + kSlow);
      changed_.wait_until(lock, stop, until, [&] { return std::exchange(has_answer_, false); });
    }
    take_answers(round);
    if (Clock::now() >= next_round) {
      next_round = Clock::now() + parts_.interval;
      begin_round(round);
    }
    read_more(round, stop);
  }
}

std::optional<ImageRef> HoldWatch::kept_image(const AttachmentKey& key) {
  const std::lock_guard guard{mutex_};
  const auto found = kept_.find(key);
  return found == kept_.end() ? std::nullopt : std::optional(found->second.hold.image);
}

void HoldWatch::begin_round(Round& round) {
  const std::lock_guard guard{mutex_};
  round.pools.clear();
  round.due.clear();
  for (const auto& [key, kept] : kept_)
    if (!round.readings.contains(key)) round.due.push_back(key);
}

void HoldWatch::read_more(Round& round, const std::stop_token& stop) {
  auto young = static_cast<std::size_t>(std::ranges::count_if(
      round.readings, [now = Clock::now()](const auto& reading) { return now - reading.second.begun_at < kSlow; }));
  while (!round.due.empty() && young < kMostAtOnce && !stop.stop_requested()) {
    const auto key = round.due.front();
    round.due.pop_front();
    const auto image = kept_image(key);
    if (!image) continue;
    const std::pair where{image->pool, image->name_space};
    if (!round.pools.contains(where)) round.pools.emplace(where, open(*image));
    const auto& pool = round.pools.at(where);
    if (!pool.ok()) continue;
    const auto on_done = [this] {
      {
        const std::lock_guard guard{mutex_};
        has_answer_ = true;
      }
      changed_.notify_all();
    };
    const auto now = Clock::now();
    round.readings[key] = {*image, now, std::make_unique<HeaderReading>(*pool, image->id, on_done)};
    ++young;
  }
}

Result<Pool> HoldWatch::open(const ImageRef& image) const {
  return TRY(parts_.cluster->connect())->known_pool(image.pool, image.name_space);
}

void HoldWatch::take_answers(Round& round) {
  for (auto each = round.readings.begin(); each != round.readings.end();) {
    auto& [key, reading] = *each;
    if (!reading.header->is_done()) {
      ++each;
      continue;
    }
    const auto header = reading.header->result();
    const auto wrong = what_is_wrong(reading.header->pool(), key, header);
    if (wrong && is_news(key, reading.image.id, *wrong)) parts_.events.doubt_volume(key.volume);
    if (wrong && wrong->empty()) {
      const bool takes_no_writes = is_mirrored_copy(*header) || !why_full(reading.header->pool(), *header).empty();
      if (is_other_writability(key, reading.image.id, takes_no_writes)) parts_.events.doubt_volume(key.volume);
    }
    const auto now = kept_image(key);
    if (wrong && wrong->empty() && now && now->id == reading.image.id) tell_spec(key, *header, reading.begun_at);
    each = round.readings.erase(each);
  }
}

// Another node's order may have changed them.
void HoldWatch::tell_spec(const AttachmentKey& key, const Header& header, Time read_at) const {
  SpecChange seen;
  seen.size_bytes = header.size_bytes;
  if (parts_.limits == LimitsOfImage::Count)
    if (auto limits = volume_limits_from(header.limits); limits.ok()) seen.limits = std::move(*limits);
  parts_.events.respec_volume(key.volume, seen, read_at);
}

// Empty: nothing is wrong. nullopt: the cluster does not answer for this image; it may for images in other placement groups.
std::optional<std::string> HoldWatch::what_is_wrong(const Pool& pool, const AttachmentKey& key,
                                                    const Result<Header>& header) const {
  if (!header.ok()) return header.error().code == Code::NotFound ? std::optional{header.error().message} : std::nullopt;
  const auto record = hold_record_from(header->hold);
  if (!record.ok()) return record.error().message;
  const auto* ours = find_holder(*record, self(*pool.connection, parts_.node), key);
  if (ours == nullptr ? !record->fencing.empty() : record->fences(*ours)) return "it is being fenced by " + record->fencing;
  return ours == nullptr ? "this node no longer holds it" : "";
}

bool HoldWatch::is_other_writability(const AttachmentKey& key, const std::string& id, bool takes_no_writes) {
  const std::lock_guard guard{mutex_};
  const auto found = kept_.find(key);
  if (found == kept_.end() || found->second.hold.image.id != id || found->second.hold.access == Access::ReadOnly) return false;
  return std::exchange(found->second.hold.takes_no_writes, takes_no_writes) != takes_no_writes;
}

bool HoldWatch::is_news(const AttachmentKey& key, const std::string& id, const std::string& wrong) {
  const std::lock_guard guard{mutex_};
  const auto found = kept_.find(key);
  if (found == kept_.end() || found->second.hold.image.id != id) return false;
  return std::exchange(found->second.wrong, wrong) != wrong && !wrong.empty();
}

}  // namespace blockplug::rbd
